import { createServer, type ServerOptions } from 'node:https';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { HttpExchange } from '../../../../agent/export/http/exchange.ts';
import { Authority } from '../../../support/certificates.ts';
import { type Loopback, type Received, readWhole, served } from '../../../support/loopback.ts';
import { commandMissing } from '../../../support/network-namespace.ts';

const missing = commandMissing('openssl');
if (missing !== undefined) process.stderr.write(`tls: ${missing}\n`);

describe.skipIf(missing !== undefined)('an upload over TLS', () => {
  const own = new Authority('own authority');
  const other = new Authority('another authority');
  afterAll(() => {
    own.remove();
    other.remove();
  });
  const requests: Received[] = [];

  async function server(options: ServerOptions): Promise<Loopback> {
    requests.length = 0;
    const listener = readWhole((request, response) => {
      requests.push(request);
      response.end();
    });
    const loopback = await served(createServer(options, listener), 'https');
    onTestFinished(() => loopback.close());
    return loopback;
  }

  /** The status, or why there was none. */
  async function send(endpoint: URL, tls?: ConstructorParameters<typeof HttpExchange>[0]['tls']): Promise<string> {
    const timeouts = { lookupMs: 2000, connectMs: 2000, tlsMs: 2000, responseMs: 2000, totalMs: 4000 };
    const exchange = new HttpExchange({ endpoint, timeouts, socketsMax: 1, tls });
    onTestFinished(() => exchange.close());
    const request = {
      method: 'POST',
      path: '/structuredlog',
      headers: { authorization: 'signature' },
      body: Buffer.from('records'),
    };
    const answer = await exchange.exchange(request, new AbortController().signal);
    return answer.kind === 'answer' ? String(answer.status) : answer.reason;
  }

  test('to a service of the own authority is accepted, under its address', async () => {
    const { url } = await server(own.sign('IP:127.0.0.1'));
    expect(await send(url, { ca: own.cert })).toBe('200');
    expect(requests).toHaveLength(1);
  });

  test.each([
    ['of another authority', () => other.sign('IP:127.0.0.1'), /CERT|certificate|issuer/],
    ['that signed itself', () => other, /self-signed|SELF_SIGNED|ALTNAME/],
    ['whose certificate has expired', () => own.sign('IP:127.0.0.1', -1), /expired|EXPIRED/],
    ['under another name', () => own.sign('DNS:cls.example.net'), /ALTNAME/],
  ])('to a service %s is refused, and not a byte of the request leaves', async (_, certificate, reason) => {
    const { url } = await server(certificate());
    expect(await send(url, { ca: own.cert })).toMatch(reason);
    expect(requests).toEqual([]);
  });

  test('to a service of an authority that only its file would name is refused without that file', async () => {
    const { url } = await server(own.sign('IP:127.0.0.1'));
    expect(await send(url)).toMatch(/CERT|certificate|issuer/);
    expect(requests).toEqual([]);
  });

  test('shows its certificate to a service that asks for one, and is refused by it without', async () => {
    const mutual = { ...own.sign('IP:127.0.0.1'), ca: own.cert, requestCert: true, rejectUnauthorized: true };
    const { url } = await server(mutual);
    const client = own.sign('DNS:agent.example.net');
    expect(await send(url, { ca: own.cert, ...client })).toBe('200');
    expect(requests).toHaveLength(1);
    expect(await send(url, { ca: own.cert })).not.toBe('200');
    expect(await send(url, { ca: own.cert, ...other.sign('DNS:agent.example.net') })).not.toBe('200');
    expect(requests).toHaveLength(1);
  });

  test('is never with a protocol below TLS 1.2', async () => {
    const old = { ...own.sign('IP:127.0.0.1'), maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' };
    const { url } = await server(old as ServerOptions);
    expect(await send(url, { ca: own.cert })).toMatch(/version|protocol|handshake|EPROTO/i);
    expect(requests).toEqual([]);
  });
});

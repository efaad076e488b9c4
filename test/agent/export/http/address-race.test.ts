import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { alternated, raceToConnect } from '../../../../agent/export/http/address-race.ts';
import { NameLookup } from '../../../../agent/export/http/name-lookup.ts';
import { tcpServer } from '../../../support/loopback.ts';

const four = (host: string) => ({ host, family: 4 });
const six = (host: string) => ({ host, family: 6 });
const never = new AbortController().signal;

describe('a race of addresses', () => {
  test('takes the families in turn, the preferred one first', () => {
    const given = [six('::1'), six('::2'), six('::3'), four('10.0.0.1')];
    expect(alternated(given).map(({ host }) => host)).toEqual(['::1', '10.0.0.1', '::2', '::3']);
    expect(alternated([four('10.0.0.1'), six('::1'), six('::2')]).map(({ host }) => host)).toEqual([
      '10.0.0.1',
      '::1',
      '::2',
    ]);
    expect(alternated([])).toEqual([]);
  });

  test('is won by the one that is alive, however many fail before', async () => {
    const server = await tcpServer(() => undefined);
    onTestFinished(() => server.close());
    const addresses = [four('127.0.0.2'), four('127.0.0.3'), four('127.0.0.1')];
    const socket = await raceToConnect(addresses, server.port, 2000, never);
    expect(socket.remoteAddress).toBe('127.0.0.1');
    socket.destroy();
  });

  test('that nobody wins names every address', async () => {
    const server = await tcpServer(() => undefined);
    await server.close();
    const failing = raceToConnect([four('127.0.0.1'), four('127.0.0.2')], server.port, 2000, never);
    await expect(failing).rejects.toThrow(
      `TCP connection failed: 127.0.0.1:${server.port} ECONNREFUSED; 127.0.0.2:${server.port} ECONNREFUSED`,
    );
  });

  test('is called off at once', async () => {
    const abort = new AbortController();
    // RFC 5737: nobody answers, or there is no route.
    const racing = raceToConnect([four('192.0.2.1')], 9, 60_000, abort.signal);
    abort.abort();
    await expect(racing).rejects.toThrow(/called off|ENETUNREACH|EHOSTUNREACH/);
  });
});

describe('a name look-up', () => {
  test('of an address asks nobody', async () => {
    const names = new NameLookup(() => Promise.reject(new Error('asked')));
    expect(await names.addressesOf('10.0.0.1', 100)).toEqual([four('10.0.0.1')]);
    expect(await names.addressesOf('2001:db8::1', 100)).toEqual([six('2001:db8::1')]);
  });

  test('is one at a time: who comes while it is under way, or after its bound, waits for the same', async () => {
    let asked = 0;
    let answer: (found: readonly ReturnType<typeof four>[]) => void = () => undefined;
    const names = new NameLookup(() => {
      asked++;
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    await expect(names.addressesOf('cls.test', 20)).rejects.toThrow(
      'name look-up of cls.test failed: no answer within 20 ms; check the name servers in /etc/resolv.conf',
    );
    const later = names.addressesOf('cls.test', 5000);
    answer([four('10.0.0.1')]);
    expect(await later).toEqual([four('10.0.0.1')]);
    expect(asked).toBe(1);
  });

  test('takes no more addresses of a name than it states', async () => {
    const names = new NameLookup(async () =>
      Array.from({ length: 5000 }, (_, at) => four(`10.0.${at >> 8}.${at & 255}`)),
    );
    expect(await names.addressesOf('cls.test', 100)).toHaveLength(16);
  });
});

test('a socket that won has no listener of the race left', async () => {
  const server = await tcpServer((socket) => socket.end());
  onTestFinished(() => server.close());
  const socket = await raceToConnect([four('127.0.0.1')], server.port, 2000, never);
  expect(socket.listenerCount('error') + socket.listenerCount('connect')).toBe(0);
  socket.resume();
  await once(socket, 'close');
});

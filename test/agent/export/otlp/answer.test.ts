import { describe, expect, it } from 'vitest';
import { type Asked, outcomeOf } from '../../../../agent/export/otlp/answer.ts';
import type { Answer } from '../../../../agent/export/otlp/response.ts';
import { partialSuccess } from '../../../support/otlp-schema.ts';

const ASKED: Asked = { records: 100, nowMs: 1_700_000_000_000, withoutSecrets: (text) => text };
const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';
/** google.rpc.Status: a code and a message. */
const status = (message: string) => Buffer.concat([Uint8Array.of(0x08, 3, 0x12, message.length), Buffer.from(message)]);

function answer(code: number, type?: string, body: Uint8Array | string = '', more: Partial<Answer> = {}): Answer {
  const bytes = Buffer.from(body);
  const headers = { ...(type === undefined ? {} : { 'content-type': type }), ...more.headers };
  return { kind: 'answer', status: code, body: bytes.toString(), bytes, truncated: false, ...more, headers };
}

const of = (...words: Parameters<typeof answer>) => outcomeOf(answer(...words), ASKED);

describe('an answer that accepts', () => {
  it('is a message of OTLP, in protobuf or JSON, or nothing', () => {
    for (const each of [
      answer(200, PROTOBUF),
      answer(200, PROTOBUF, partialSuccess(0, 'attributes were renamed')),
      answer(202, JSON_TYPE, '{}'),
      answer(200, 'application/json; charset=utf-8', '{"partialSuccess":{}}'),
      answer(200, JSON_TYPE, '{"partialSuccess":null}'),
      answer(204),
      answer(200, 'text/plain'),
    ]) {
      expect(outcomeOf(each, ASKED)).toEqual({ kind: 'accepted' });
    }
  });

  it('may reject some records, at most those that were sent', () => {
    const rejected = { records: 7, reason: 'too old' };
    expect(of(200, PROTOBUF, partialSuccess(7, 'too old'))).toEqual({ kind: 'accepted', rejected });
    const inJson = '{"partialSuccess":{"rejectedLogRecords":"7","errorMessage":"too old"}}';
    expect(of(200, JSON_TYPE, inJson)).toEqual({ kind: 'accepted', rejected });
    expect(of(200, PROTOBUF, partialSuccess(1e9, ''))).toEqual({
      kind: 'accepted',
      rejected: { records: 100, reason: 'no reason given' },
    });
    expect(of(200, PROTOBUF, partialSuccess(1, `a\n\u001b[2Jb${'c'.repeat(500)}`))).toMatchObject({
      rejected: { reason: expect.stringMatching(/^a \[2Jbc{100,200}$/) },
    });
  });

  it('is nothing else that says 200: no page, no other document, no half, no noise', () => {
    for (const each of [
      answer(200, 'text/html', '<html>Sign in</html>'),
      answer(200, 'text/html'),
      answer(200, 'text/plain', 'ok'),
      answer(200, JSON_TYPE, '{"error":"no such tenant"}'),
      answer(200, JSON_TYPE, '[]'),
      answer(200, JSON_TYPE, '{"partialSuccess":"no"}'),
      answer(200, JSON_TYPE, '{"partialSuccess":{"rejectedLogRecords":-1}}'),
      answer(200, JSON_TYPE, '{'),
      answer(200, PROTOBUF, Uint8Array.of(0x0a, 0x7f)),
      answer(200, PROTOBUF, '<html>'),
      answer(200, PROTOBUF, '', { truncated: true }),
      answer(200, undefined, 'noise'),
    ]) {
      expect(outcomeOf(each, ASKED), JSON.stringify(each)).toMatchObject({
        kind: 'blocked',
        reason: expect.stringMatching(
          /^200 with .* that is no message of OTLP, so nothing shows that records were stored/,
        ),
      });
    }
  });
});

describe('an answer that refuses', () => {
  it.each([
    [401, 'missing or wrong: check headers'],
    [403, 'lack the right to write logs: grant it'],
    [404, 'no OTLP logs at this path: check endpoint'],
    [405, 'no OTLP logs at this path: check endpoint'],
    [407, 'the proxy refused the upload; check the user and password in the option proxy of the sink: 407'],
    [415, 'set compression: none'],
    [402, '402'],
    [422, '422: arrears'],
  ])('with %i blocks, and says what to do', (code, words) => {
    const outcome = of(code, 'text/plain', code === 422 ? 'arrears' : '');
    expect(outcome).toMatchObject({ kind: 'blocked', reason: expect.stringContaining(words) });
  });

  it.each([408, 425, 429, 500, 502, 503, 504, 599])('with %i for now is asked again', (code) => {
    expect(of(code, 'text/html', '<html>')).toEqual({ kind: 'retry', reason: String(code) });
  });

  it('gets the time that it asked for', () => {
    const headers = { 'retry-after': '17' };
    expect(of(429, undefined, '', { headers })).toEqual({ kind: 'retry', reason: '429', afterMs: 17_000 });
    const date = { 'retry-after': 'Tue, 14 Nov 2023 22:13:30 GMT', date: 'Tue, 14 Nov 2023 22:13:20 GMT' };
    expect(of(503, undefined, '', { headers: date })).toMatchObject({ kind: 'retry', afterMs: 10_000 });
  });

  it('with 413 has the batch cut', () => {
    expect(of(413, 'text/plain', 'body too large')).toEqual({ kind: 'too-large', reason: '413: body too large' });
  });

  it('quarantines a batch only by the word of a receiver about a request; any other 400 keeps it', () => {
    const bad = { kind: 'poison', reason: '400: unexpected EOF' };
    expect(of(400, PROTOBUF, status('unexpected EOF'))).toEqual(bad);
    expect(of(400, JSON_TYPE, '{"code":3,"message":"unexpected EOF"}')).toEqual(bad);
    expect(of(400, 'text/html', '<html>Bad Request</html>')).toEqual({ kind: 'blocked', reason: '400' });
    expect(of(400)).toEqual({ kind: 'blocked', reason: '400' });
    expect(of(400, PROTOBUF, Uint8Array.of(0x12, 0x7f))).toEqual({ kind: 'blocked', reason: '400' });
    expect(of(400, PROTOBUF, status('cut'), { truncated: true })).toEqual({ kind: 'blocked', reason: '400' });
  });

  it('with a redirect is not followed, and says where it led', () => {
    expect(of(308, undefined, '', { headers: { location: 'https://other/v1/logs' } })).toEqual({
      kind: 'blocked',
      reason: '308, a redirect to https://other/v1/logs, which is not followed: set endpoint of the sink to it',
    });
  });

  it('names the proxy that it came by', () => {
    const asked = { ...ASKED, proxy: new URL('http://user:hush@proxy:3128') };
    expect(outcomeOf(answer(403), asked)).toMatchObject({
      reason: expect.stringMatching(/^by way of proxy http:\/\/proxy:3128: 403; /),
    });
  });

  it('shows no secret that it repeats, not even the half of one', () => {
    const secret = 's'.repeat(30);
    const asked = { ...ASKED, withoutSecrets: (text: string) => text.replaceAll(secret, '[secret]') };
    const message = `${'x'.repeat(80)}${secret}`;
    for (const each of [
      answer(400, PROTOBUF, status(message)),
      answer(401, 'text/plain', `${'x'.repeat(190)}${secret}`),
    ]) {
      const outcome = outcomeOf(each, asked);
      expect('reason' in outcome && outcome.reason).not.toContain('sss');
    }
  });
});

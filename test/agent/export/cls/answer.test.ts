import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../../../../agent/export/cls/answer.ts';
import { RETRY_AFTER_MS_MAX, retryAfterMs } from '../../../../agent/export/http/retry-after.ts';

const NOW = Date.parse('Tue, 14 Nov 2023 22:13:20 GMT');
const answer = (status: number, body = '', headers = {}) => ({ kind: 'answer' as const, status, headers, body });

const FROM_SERVICE = { 'x-cls-requestid': 'r-1' };
const outcome = (status: number, body: string, headers: object = FROM_SERVICE) =>
  outcomeOf(answer(status, body, headers), NOW);

describe('acceptance', () => {
  it.each(['', ' \n', '{}', '{"RequestId":"6ef60bec-0242"}', ' {"requestId" : "x", "request_id":"y"}\r\n'])(
    'is a 200 of the service with nothing but request ids: %j',
    (body) => {
      expect(outcome(200, body)).toEqual({ kind: 'accepted' });
    },
  );

  it.each([
    ['a page of a portal', 200, '<html>Please log in</html>'],
    ['a list', 200, '[]'],
    ['a list of acceptances', 200, '[{"RequestId":"x"}]'],
    ['null', 200, 'null'],
    ['a text', 200, '"ok"'],
    ['a mark of byte order', 200, '\ufeff'],
    ['a mark of byte order before JSON', 200, '\ufeff{"RequestId":"x"}'],
    ['words after the JSON', 200, '{"RequestId":"x"} refused'],
    ['two documents', 200, '{"RequestId":"x"}\n{"error":"no"}'],
    ['another key beside', 200, '{"RequestId":"x","status":"login required"}'],
    ['a status', 200, '{"status":"login required"}'],
    ['a request id that is an object', 200, '{"RequestId":{"Error":{"Code":"AuthFailure"}}}'],
    ['a refusal that a later key hides', 200, '{"RequestId":{"Error":1},"RequestId":"x"}'],
    ['a key spelt with escapes', 200, '{"RequestId":"x","\\u0065rror":"no"}'],
    ['a number', 200, '{"code":-1}'],
    ['success in the words of others', 200, '{"code":0,"message":"success"}'],
    ['an error without a code', 200, '{"error":{"reason":"quota"}}'],
    ['JSON cut off', 200, '{"RequestId":"x"'],
    ['201', 201, ''],
    ['202', 202, ''],
    ['204', 204, ''],
    ['206', 206, ''],
    ['304', 304, ''],
  ])('is not %s: the batch stays', (_name, status, body) => {
    expect(outcome(status, body).kind).toBe('retry');
  });

  it.each(['', '{}', '{"RequestId":"x"}'])('is not a 200 of a stranger, who sends no request id: %j', (body) => {
    expect(outcome(200, body, {})).toMatchObject({ kind: 'retry', reason: expect.stringContaining('x-cls-requestid') });
    expect(outcome(200, body, { 'x-cls-requestid': ' ' }).kind).toBe('retry');
    expect(outcomeOf(answer(200, body), NOW, { requestIdRequired: false })).toEqual({ kind: 'accepted' });
  });

  it('is not a redirect', () => {
    expect(outcome(302, '', { ...FROM_SERVICE, location: 'https://portal.example/' }).kind).toBe('retry');
  });

  it('is not a 200 that names an error', () => {
    expect(outcome(200, '{"errorcode":"TopicClosed"}').kind).toBe('blocked');
  });
});

describe('an answer of the management API', () => {
  const refused = (code: string) =>
    outcome(200, JSON.stringify({ Response: { Error: { Code: code, Message: 'no' }, RequestId: 'x' } }));

  it.each([
    ['AuthFailure', 'blocked'],
    ['AuthFailure.SignatureFailure', 'blocked'],
    ['UnauthorizedOperation.CamNoAuth', 'blocked'],
    ['ResourceNotFound.TopicNotExist', 'blocked'],
    ['FailedOperation.TopicClosed', 'blocked'],
    ['InvalidParameter.Content', 'blocked'],
    ['SomethingNew', 'blocked'],
    ['InternalError', 'retry'],
    ['InternalError.StorageError', 'retry'],
    ['RequestLimitExceeded', 'retry'],
    ['LimitExceeded.SpeedQuotaExceed', 'retry'],
  ])('%s is %s, and the sentence names the code and the right endpoint', (code, kind) => {
    expect(refused(code)).toEqual({
      kind,
      reason: expect.stringContaining(`200 ${code}: no; this is the management API`),
    });
    expect(refused(code)).toMatchObject({ reason: expect.stringContaining('<region>.cls.tencentcs.com') });
  });

  it('without an error has stored nothing either', () => {
    expect(outcome(200, '{"Response":{"RequestId":"x"}}').kind).toBe('retry');
  });
});

describe('an error in the words of others', () => {
  it.each([
    ['{"ErrorCode":"TopicClosed"}', 'blocked', 'TopicClosed'],
    ['{"error":{"code":"SecretIdNotFound","message":"who?"}}', 'blocked', 'SecretIdNotFound'],
    ['[{"Error":{"Code":"AccountArrears"}}]', 'blocked', 'AccountArrears'],
    ['\ufeff{"err_code":"SpeedQuotaExceed"}', 'retry', 'SpeedQuotaExceed'],
    ['{"data":{"result":[{"ERROR-CODE":"InvalidContent"}]}}', 'blocked', 'InvalidContent'],
    ['{"error":"disk full"}', 'retry', 'disk full'],
    ['{"code":-1,"msg":"later"}', 'retry', '-1: later'],
    ['{"errno":7}', 'retry', '7'],
  ])('%s keeps the batch, %s where the code is documented, and is named', (body, kind, named) => {
    expect(outcome(200, body)).toMatchObject({ kind, reason: expect.stringContaining(named) });
  });

  it('sends no batch to quarantine, nor does the word of a stranger', () => {
    expect(outcome(400, '{"code":"InvalidContent"}').kind).toBe('blocked');
    expect(outcome(400, '{"errorcode":"InvalidContent"}', {}).kind).toBe('blocked');
    expect(outcome(400, '{"errorcode":"InvalidContent"}').kind).toBe('poison');
  });

  it('is searched for within bounds', () => {
    const wide = JSON.stringify(
      Array.from({ length: 10_000 }, () => ({})).concat({ code: 'AccountArrears' } as object),
    );
    expect(outcome(200, wide).kind).toBe('retry');
  });
});

describe('the reason', () => {
  const reasonOf = (given: Parameters<typeof outcomeOf>[0]): string => {
    const outcome = outcomeOf(given, NOW);
    return 'reason' in outcome ? outcome.reason : '';
  };

  it('says status, code, the words of the service, what they mean and the request', () => {
    const body = '{"errorcode":"AccountArrears","errormessage":"pay first"}';
    expect(reasonOf(answer(403, body, { 'x-cls-requestid': 'r-1' }))).toBe(
      '403 AccountArrears: pay first; the account is in arrears (request r-1)',
    );
  });

  it('fits one line, whatever the service says', () => {
    const errormessage = `a\nb\u001b[31m${'x'.repeat(5000)}`;
    const reason = reasonOf(answer(400, JSON.stringify({ errorcode: 'InvalidParam', errormessage })));
    expect(reason).toMatch(/^400 InvalidParam: a b \[31mx+; /);
    expect(reason.length).toBeLessThan(400);
  });

  it('says where a redirect leads and that nobody follows', () => {
    expect(reasonOf(answer(302, '', { location: 'https://portal.example/' }))).toContain('https://portal.example/');
  });
});

describe('Retry-After', () => {
  it('is seconds, or a date read against the clock that came with it', () => {
    expect(retryAfterMs('7', undefined, NOW)).toBe(7000);
    expect(retryAfterMs('Tue, 14 Nov 2023 22:13:50 GMT', undefined, NOW)).toBe(30_000);
    const date = 'Tue, 14 Nov 2023 22:13:40 GMT';
    expect(retryAfterMs('Tue, 14 Nov 2023 22:13:50 GMT', date, NOW - 86_400_000)).toBe(10_000);
  });

  it('is never negative and never longer than an hour', () => {
    expect(retryAfterMs('Tue, 14 Nov 2000 22:13:50 GMT', undefined, NOW)).toBe(0);
    expect(retryAfterMs('99999999999', undefined, NOW)).toBe(RETRY_AFTER_MS_MAX);
    expect(retryAfterMs('Tue, 14 Nov 2093 22:13:50 GMT', undefined, NOW)).toBe(RETRY_AFTER_MS_MAX);
  });

  it('is left out when it is noise', () => {
    expect(retryAfterMs('soon', undefined, NOW)).toBeUndefined();
    expect(retryAfterMs(undefined, undefined, NOW)).toBeUndefined();
  });

  it('goes with a retry only', () => {
    const headers = { 'retry-after': '3' };
    expect(outcomeOf(answer(429, '', headers), NOW)).toMatchObject({ kind: 'retry', afterMs: 3000 });
    expect(outcomeOf(answer(403, '{"errorcode":"AccountArrears"}', headers), NOW)).not.toHaveProperty('afterMs');
  });
});

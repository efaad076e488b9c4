import { describe, expect, it } from 'vitest';
import { outcomeOf, RETRY_AFTER_MS_MAX, retryAfterMs } from '../../../../agent/export/cls/answer.ts';

const NOW = Date.parse('Tue, 14 Nov 2023 22:13:20 GMT');
const answer = (status: number, body = '', headers = {}) => ({ kind: 'answer' as const, status, headers, body });

describe('acceptance', () => {
  it('is a 200 without words, or with JSON that names no error', () => {
    expect(outcomeOf(answer(200), NOW)).toEqual({ kind: 'accepted' });
    expect(outcomeOf(answer(200, ' \n'), NOW)).toEqual({ kind: 'accepted' });
    expect(outcomeOf(answer(200, '{}'), NOW)).toEqual({ kind: 'accepted' });
  });

  it.each([
    ['a page of a portal', answer(200, '<html>Please log in</html>', { 'content-type': 'text/html' })],
    ['a JSON that is no object', answer(200, '[]')],
    ['204', answer(204)],
    ['202', answer(202)],
    ['a redirect', answer(302, '', { location: 'https://portal.example/' })],
  ])('is not %s: the batch stays', (_name, given) => {
    expect(outcomeOf(given, NOW).kind).toBe('retry');
  });

  it('is not a 200 that names an error', () => {
    expect(outcomeOf(answer(200, '{"errorcode":"TopicClosed"}'), NOW).kind).toBe('blocked');
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

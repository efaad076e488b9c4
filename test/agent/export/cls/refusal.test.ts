import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { REFUSALS, refusalByStatus, refusalOf } from '../../../../agent/export/cls/refusal.ts';

describe('the table of refusals', () => {
  it('holds each errorcode once', () => {
    const codes = REFUSALS.map((refusal) => refusal.errorcode);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('is the table in docs/cls.md, row by row', () => {
    const docs = readFileSync(new URL('../../../../docs/cls.md', import.meta.url), 'utf8');
    const rows = [...docs.matchAll(/^\| (\d{3}) \| `(\w+)` \| ([\w-]+) \| (.+) \|$/gm)].map((row) => row.slice(1));
    expect(rows).toEqual(
      REFUSALS.map(({ status, errorcode, kind, meaning }) => [String(status), errorcode, kind, meaning]),
    );
  });

  it('knows the codes of the AuthFailure family with and without the family', () => {
    expect(refusalOf('AuthFailure.SignatureExpire')).toBe(refusalOf('SignatureExpire'));
    expect(refusalOf('AuthFailure.TokenFailure')?.kind).toBe('blocked');
    expect(refusalOf('AuthFailure.')).toBeUndefined();
  });

  it('decides by the status where nothing else is known', () => {
    const kinds = [413, 429, 408, 500, 502, 503, 504, 400, 401, 403, 404, 301, 204];
    expect(kinds.map((status) => refusalByStatus(status, undefined))).toEqual([
      'too-large',
      ...['retry', 'retry', 'retry', 'retry', 'retry', 'retry'],
      ...['retry', 'retry', 'retry', 'retry', 'retry', 'retry'],
    ]);
  });

  it('keeps everything when the service says a code that nobody has read yet', () => {
    expect([400, 401, 403, 404, 409].map((status) => refusalByStatus(status, 'NewCode'))).toEqual(
      new Array(5).fill('blocked'),
    );
    expect(refusalByStatus(503, 'NewCode')).toBe('retry');
    expect(refusalByStatus(413, 'NewCode')).toBe('too-large');
  });
});

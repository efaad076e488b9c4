import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ABSOLUTE_PATH,
  BOOLEAN,
  bytes,
  choice,
  FILE_PATH,
  integer,
  type Kind,
  ORIGIN,
  PROXY,
  pattern,
  seconds,
  TEXT,
  TEXT_OR_NOTHING,
  withoutPassword,
} from '../../../agent/options/kinds.ts';

describe('a kind of value', () => {
  test.each<[string, Kind<unknown>, readonly string[], readonly string[]]>([
    ['a text', TEXT, ['a', ' ', 'ü\n'], ['']],
    ['a text or nothing', TEXT_OR_NOTHING, ['', 'a'], []],
    ['a path', FILE_PATH, ['a', '/a', './b c'], ['']],
    ['an absolute path', ABSOLUTE_PATH, ['/', '/a b'], ['', 'a', './a', '~/a']],
    ['a truth value', BOOLEAN, ['true', 'false'], ['', 'True', 'yes', '1', 'on']],
    ['a choice', choice(['text', 'ndjson']), ['text', 'ndjson'], ['', 'TEXT', 'constructor', 'text ']],
    ['a whole number', integer(0, 10), ['0', '10', '-0', '007'], ['-1', '11', '1.0', '1e1', ' 1', '']],
    ['a duration', seconds(1, 600), ['1', '10m', '600s'], ['0', '601', '11m', '1.5s', '5 mins']],
    ['a size', bytes(1024, 2048), ['1KiB', '2048', '2 KiB'], ['1023', '3KiB', '1KB', '1k']],
    ['what matches a pattern', pattern('a letter', /^[a-z]$/), ['a'], ['', 'A', 'ab', 'a\n']],
  ])('accepts and refuses: %s', (_what, kind, accepted, refused) => {
    expect(accepted.filter((text) => kind.parse(text) === undefined)).toEqual([]);
    expect(refused.filter((text) => kind.parse(text) !== undefined)).toEqual([]);
  });

  test('says its limits in the units that people write', () => {
    expect(integer(1, 9).expected).toBe('a whole number from 1 to 9');
    expect(seconds(60, 7200).expected).toBe('a duration from 1m to 2h: whole seconds (60), or 10s, 5m, 1h, 7d');
    expect(bytes(4096, 1024 ** 3).expected).toBe(
      'a size from 4KiB to 1GiB: whole bytes (4096), or 512KiB, 64MiB, 1GiB',
    );
    expect(choice(['a', 'b']).expected).toBe('one of a, b');
  });
});

describe('an origin', () => {
  test.each([
    ['https://ap-guangzhou.cls.tencentcs.com', 'https://ap-guangzhou.cls.tencentcs.com/'],
    ['http://127.0.0.1:9000/', 'http://127.0.0.1:9000/'],
    ['https://[2001:db8::1]:443', 'https://[2001:db8::1]/'],
  ])('is %s', (text, href) => expect(ORIGIN.parse(text)?.href).toBe(href));

  test.each([
    '',
    'cls.tencentcs.com',
    'ftp://host',
    'https://',
    'https://host/path',
    'https://host//',
    'https://host?topic=1',
    'https://host#x',
    'https://user@host',
    'https://host:99999',
    'https://ho st',
    'https://host\\path',
    'HTTPS://host',
  ])('is not %j', (text) => expect(ORIGIN.parse(text)).toBeUndefined());

  test('has nothing that a request would ignore, whatever the text', () => {
    const part = fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom('@', ':', '/', '\\', '?', '#', '%2f', 'host'));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        const url = ORIGIN.parse(`http://${parts.join('')}`);
        if (url === undefined) return;
        const { username, password, pathname, search, hash } = url;
        expect([username, password, pathname, search, hash]).toEqual(['', '', '/', '', '']);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a proxy', () => {
  test('has a user and a password, which are confidential, or neither', () => {
    const open = PROXY.parse('http://proxy.example.net:3128')!;
    expect(PROXY.isConfidential!(open)).toBe(false);
    const closed = PROXY.parse('https://user:p%40ss@proxy.example.net:3128/')!;
    expect(closed).toMatchObject({ host: 'proxy.example.net:3128', username: 'user', password: 'p%40ss' });
    expect(PROXY.isConfidential!(closed)).toBe(true);
    expect(PROXY.isConfidential!(PROXY.parse('http://:secret@proxy')!)).toBe(true);
  });

  test('may be none', () => {
    expect(PROXY.parse('none')).toBe('none');
    expect(PROXY.isConfidential!('none')).toBe(false);
  });

  test.each([
    '',
    'proxy:3128',
    'socks5://proxy',
    'http://proxy/path',
    'http://a@b@proxy',
    'http://CORP\\user:password@proxy:3128',
    'http://user:password@CORP\\proxy',
    'None',
  ])('is not %j', (text) => expect(PROXY.parse(text)).toBeUndefined());
});

describe('a text that may have a password in it', () => {
  test.each([
    ['http://user:secret@proxy:3128', 'http://(hidden)@proxy:3128'],
    ['user:secret@proxy', '(hidden)@proxy'],
    ['http://CORP\\user:secret@proxy', 'http://(hidden)@proxy'],
    ['http://a:p@ss@proxy', 'http://(hidden)@proxy'],
    ['http://proxy:3128', 'http://proxy:3128'],
    ['none', 'none'],
  ])('%j is shown as %j', (text, shown) => expect(withoutPassword(text)).toBe(shown));

  test('does not show it, wherever it stands before the host', () => {
    const secret = fc.stringMatching(/^[^\s@]{8,12}$/);
    fc.assert(
      fc.property(secret, fc.constantFrom('http://', 'https://', '', 'socks5://'), (password, scheme) => {
        expect(withoutPassword(`${scheme}user:${password}@proxy`)).toBe(`${scheme}(hidden)@proxy`);
      }),
    );
  });
});

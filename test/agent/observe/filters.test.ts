import { describe, expect, test } from 'vitest';
import type { Invocation } from '../../../agent/cli/command.ts';
import { conditionText, matcherFor } from '../../../agent/observe/filters.ts';
import { runInProcess } from '../../support/in-process.ts';

interface Words {
  readonly condition?: string;
  readonly [option: string]: string | readonly string[] | undefined;
}

/** A command line with these options. */
function words({ condition, ...options }: Words): Invocation {
  const strings = (name: string) => [options[name] ?? []].flat();
  return {
    positionals: condition === undefined ? [] : [condition],
    strings,
    has: (name: string) => strings(name).length > 0,
    choice: (name: string) => strings(name)[0],
  } as unknown as Invocation;
}

const IDS = new Map([['eth0', ['eni-1', 'eni-2']]]);
const FLOW = {
  srcaddr: '10.0.0.1',
  dstaddr: '2001:db8::1',
  srcport: 4000,
  dstport: 443,
  protocol: 6,
  action: 'ACCEPT',
};

const shows = (given: Words, change: object = {}) =>
  matcherFor(conditionText(words(given), IDS))({ ...FLOW, 'interface-id': 'eni-2', ...change });

describe('filters', () => {
  test.each<[Words, boolean]>([
    [{}, true],
    [{ host: '10.0.0.1' }, true],
    [{ host: '10.0.0.2' }, false],
    [{ host: ['10.0.0.2', '2001:db8::/32'] }, true],
    [{ port: '443' }, true],
    [{ port: '4000' }, true],
    [{ port: '80' }, false],
    [{ protocol: 'TCP' }, true],
    [{ protocol: '17' }, false],
    [{ verdict: 'ACCEPT' }, true],
    [{ verdict: 'REJECT' }, false],
    [{ interface: 'eth0' }, true],
    [{ interface: 'eni-2' }, true],
    [{ interface: 'eni' }, false],
    [{ host: '10.0.0.1', port: '80' }, false],
    [{ condition: 'dstport:443 OR dstport:80', port: '4000' }, true],
    [{ condition: 'dstport:80 OR dstport:443', port: '80' }, false],
    [{ condition: 'NOT srcaddr:10.0.0.0/8' }, false],
  ])('%j: %s', (given, expected) => {
    expect(shows(given)).toBe(expected);
  });

  test('take the name of an interface as it stands', () => {
    expect(shows({ interface: 'a"* OR dstport:443' })).toBe(false);
  });
});

describe('what is wrong on the command line', () => {
  test.each([
    [['srcadr:10.0.0.1'], "unknown field 'srcadr': did you mean srcaddr?"],
    [['* | select 1'], 'SQL is not accepted here. Use flowlogd query'],
    [['('], "invalid condition '('"],
    [['--host', 'example.com'], "invalid --host 'example.com': expected an address or a prefix such as 10.0.0.0/8"],
    [['--host', '10.0.0.0/33'], "invalid --host '10.0.0.0/33'"],
    [['--port', '70000'], "invalid --port '70000': expected a number from 0 to 65535"],
    [['--protocol', 'http'], "invalid --protocol 'http': expected a name such as tcp"],
    [['-o', 'json'], '--format json cannot be combined with -f: expected one of text, ndjson, csv'],
    [['--since', '1h'], 'cannot be combined'],
  ])('%j is refused', async (given, sentence) => {
    const { code, stderr } = await runInProcess(['observe', '-f', ...given]);
    expect(stderr).toContain(sentence);
    expect(code).toBe(64);
  });
});

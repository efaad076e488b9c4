/** Every command refuses options and arguments that would have no effect, before it does anything. */
import { describe, expect, test } from 'vitest';
import { ACTIONS } from '../../../agent/commands/flow-log-actions.ts';
import { COMMANDS } from '../../../agent/commands/registry.ts';
import { runInProcess } from '../../support/in-process.ts';

async function refused(words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runInProcess(words);
  expect(stdout).toBe('');
  return `${code} ${stderr.trimEnd()}`;
}

describe('a command that an option would have no effect on', () => {
  test.each<[string, string]>([
    ['status --socket /s --config /c', '--socket cannot be combined with --state-directory or --config'],
    ['status --state-directory /s -c /c', '--state-directory cannot be combined with --config'],
    ['status eth0', "unexpected argument 'eth0'"],
    ['flow-logs list --socket /s --state-directory /d', '--socket cannot be combined with'],
    ['config --reference --json', '--reference cannot be combined with --config or --json'],
    ['config --reference -c flowlogd.yaml', '--reference cannot be combined with --config or --json'],
    ['config flowlogd.yaml', "unexpected argument 'flowlogd.yaml'"],
    ['check flowlogd.yaml', "unexpected argument 'flowlogd.yaml'"],
    ['explain x.pcap --packet 1 --no-exclude --config c', '--no-exclude cannot be combined with --config'],
    ['explain x.pcap --packet 1 --flow f', 'expected exactly one of --packet N and --flow FLOW'],
    ['debug --json --format ndjson', '--json cannot be combined with --format'],
    ['debug --json --fields eni', '--json cannot be combined with --format or --fields'],
    ['debug --write-max 1MiB', '--write-max requires --write'],
    ['debug --rejects 5 --filter tcp', '--rejects cannot be combined with --filter or --write'],
    ['debug --rejects 5 --write x.pcap', '--rejects cannot be combined with --filter or --write'],
    ['debug eth0', "unexpected argument 'eth0'"],
    ['replay x.pcap --to http://h?topic_id=t --format text', '--to cannot be combined with --format or --output'],
    ['replay x.pcap --to http://h?topic_id=t -o x', '--to cannot be combined with --format or --output'],
    ['replay x.pcap --no-header', '--no-header requires --format'],
    [
      'analyse --dialect trino',
      '--dialect requires the NAME of an analysis; flowlogd analyse without options lists them',
    ],
    ['analyse --table flows', '--table requires --dialect'],
    ['analyse --set ports=5', '--set requires the NAME of an analysis'],
    ['analyse --store /s', '--store requires the NAME of an analysis'],
    ['analyse --last 1h', '--since requires the NAME of an analysis'],
    ['analyse scan-ports --table flows', '--table requires --dialect'],
    [
      'analyse scan-ports --dialect cls --table flows',
      '--table cannot be combined with --dialect cls, whose queries name',
    ],
    ['analyse scan-ports --dialect trino -n 5', '--dialect cannot be combined with --limit or --format'],
    ['analyse scan-ports --dialect trino -o json', '--dialect cannot be combined with --limit or --format'],
    ['query a b', "unexpected argument 'b'"],
    ['interfaces eth0', "unexpected argument 'eth0'"],
    ['logservice /store', "unexpected argument '/store'"],
    ['run flowlogd.yaml', "unexpected argument 'flowlogd.yaml'"],
  ])('refuses %s', async (line, sentence) => {
    const words = line.split(' ');
    expect(await refused(words)).toContain(`64 flowlogd: ${words[0]}: ${sentence}`);
  });

  test('names options that it has', async () => {
    for (const load of COMMANDS.values()) {
      const { options } = await load();
      const names = options.map(({ name }) => name);
      for (const { excludes = [], requires } of options) {
        expect(names).toEqual(expect.arrayContaining([...excludes, ...(requires === undefined ? [] : [requires])]));
      }
    }
  });
});

/** A value of each option that only some actions take. */
const GIVEN: Readonly<Record<string, readonly string[]>> = {
  name: ['--name', 'web'],
  description: ['--description', 'text'],
  interface: ['-i', 'eth1'],
  tag: ['--tag', 'env=test'],
  'traffic-type': ['--traffic-type', 'REJECT'],
  'resource-type': ['--resource-type', 'NAT'],
  window: ['--window', '60'],
  set: ['--set', 'accountId=1'],
  order: ['--order', 'name'],
  ascending: ['--ascending'],
};
const IMMUTABLE = ['interface', 'traffic-type', 'resource-type', 'set'];

describe('an action on flow logs', () => {
  const words = ['a=b', 'web', 'web'];
  const cases = Object.entries(ACTIONS).flatMap(([action, { min, options }]) =>
    Object.keys(GIVEN)
      .filter((name) => !(options as readonly string[]).includes(name))
      .map((name) => [action, name, words.slice(0, min)] as const),
  );
  test('has all options of the command in this table', async () => {
    const { options } = await COMMANDS.get('flow-logs')!();
    const shared = ['socket', 'state-directory', 'config', 'json'];
    expect([...Object.keys(GIVEN), ...shared].sort()).toEqual(options.map(({ name }) => name).sort());
  });

  test.each(cases)('%s refuses --%s', async (action, name, behind) => {
    const answer = await refused(['flow-logs', action, ...behind, ...GIVEN[name]!]);
    if (action === 'modify' && IMMUTABLE.includes(name)) {
      expect(answer).toMatch(/^78 .* is immutable\. Delete the flow log and create a new one\.$/);
    } else expect(answer).toMatch(new RegExp(`^64 flowlogd: flow-logs: unexpected option --${name}; `));
  });

  test.each([
    ['flow-logs modify web', '64 flowlogd: flow-logs: nothing to change; give --name, --description or --window'],
    [
      'flow-logs modify web --set enabled=false',
      '64 flowlogd: flow-logs: --set does not change enabled; use the actions',
    ],
    [
      'flow-logs modify web -i lo --set accountId=1 --name x',
      '78 flowlogd: flow-logs: --interface and accountId are immutable. Delete the flow log and create a new one.',
    ],
    ['flow-logs', '64 flowlogd: flow-logs: missing argument ACTION'],
    ['flow-logs lst', "64 flowlogd: flow-logs: unknown action 'lst'; expected list, describe"],
    ['flow-logs describe', '64 flowlogd: flow-logs: expected flowlogd flow-logs describe FLOW-LOG'],
  ])('%s is refused', async (line, sentence) => {
    expect(await refused(line.split(' '))).toContain(sentence);
  });
});

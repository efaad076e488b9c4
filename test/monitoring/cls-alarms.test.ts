/** monitoring/cls: alarm policies that are the catalogue, in the language of Terraform and of CLS. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { withAlarmsTables } from '../../agent/analysis/alarms-page.ts';
import { outputColumns } from '../../agent/analysis/output-columns.ts';
import {
  alarmMessage,
  alarmQuery,
  alarmsOf,
  alarmTimes,
  renderTerraformAlarms,
} from '../../agent/analysis/terraform-alarms.ts';
import { columnsOf, ENI_COLUMNS } from '../../agent/record/field-columns.ts';
import { readCatalogue } from '../../analyses/catalogue.ts';
import { questionOf } from '../../analyses/question.ts';
import { readCls } from '../support/cls-grammar.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const FOLDER = resolve('monitoring/cls');
const CATALOGUE = readCatalogue(resolve('analyses'));
const ALARMS = alarmsOf(CATALOGUE);
const NAMES = ALARMS.map(({ name }) => name);
const PAGE = readFileSync(resolve('docs/cls-alarms.md'), 'utf8');
const hasTerraform = spawnSync('terraform', ['version'], { env: quiet() }).status === 0;
if (!hasTerraform) process.stderr.write('monitoring/cls: terraform skipped: it is not installed\n');

/** Asks nobody whether there is a newer version, and does not complain of a configuration that is named and not there. */
function quiet(): NodeJS.ProcessEnv {
  const { TF_CLI_CONFIG_FILE: configuration = '', ...env } = process.env;
  const named = existsSync(configuration) ? { TF_CLI_CONFIG_FILE: configuration } : {};
  return { ...env, ...named, CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1' };
}

function terraform(words: readonly string[], cwd: string, input = ''): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync('terraform', words, {
    cwd,
    input,
    env: quiet(),
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, text: stdout + stderr };
}

const read = (file: string) => readFileSync(join(FOLDER, file), 'utf8');

test('alarms.tf is the catalogue; npm run docs writes it', () => {
  expect(read('alarms.tf')).toBe(renderTerraformAlarms(CATALOGUE));
});

describe('docs/cls-alarms.md', () => {
  test('has the index and the alarms of the catalogue; npm run docs writes them', () => {
    expect(PAGE).toBe(withAlarmsTables(PAGE, CATALOGUE));
    expect(withAlarmsTables(PAGE.replaceAll(/^\| `.*$/gm, ''), CATALOGUE)).toBe(PAGE);
  });

  test('has an index of every field that an analysis needs, and of each ledger key of completeness', () => {
    const [, block = ''] = /```json\n(.*?)```/s.exec(PAGE) ?? [];
    const { KeyValues } = JSON.parse(block) as {
      KeyValues: { Key: string; Value: { Type: string; SqlFlag: boolean } }[];
    };
    const types = Object.fromEntries(KeyValues.map(({ Key, Value }) => [Key, Value.Type]));
    expect(KeyValues.every(({ Value }) => Value.SqlFlag)).toBe(true);
    expect(CATALOGUE.flatMap(({ needs }) => needs).filter((field) => !(field in types))).toEqual([]);
    const expected = { srcaddr: 'text', dstport: 'long', 'tcp-flags': 'long', first: 'long', initiator: 'text' };
    expect(types).toMatchObject({
      ...expected,
      'ledger-status': 'text',
      'ledger-offered-packets': 'long',
      'ledger-gap-seconds': 'double',
    });
  });

  test('has a flow log with every field that it can name without more', () => {
    const [, yaml = ''] = /```yaml\n(.*?)```/s.exec(PAGE) ?? [];
    const [{ fields }] = (parse(yaml) as { flowLogs: [{ fields: string[] }] }).flowLogs;
    const all = fields.flatMap((field) => (field === 'eni' ? ENI_COLUMNS.map(({ label }) => label) : field));
    const others = ['reject-rule', 'srcregionid', 'dstregionid'];
    expect(CATALOGUE.flatMap(({ needs }) => needs).filter((field) => ![...all, ...others].includes(field))).toEqual([]);
    expect(columnsOf('NETWORKINTERFACE', all)).toBeDefined();
  });
});

describe('which analyses are alarms', () => {
  test('all with a severity, but those of which the file says why not', () => {
    const others = [...read('alarms.tf').matchAll(/^# {3}([\w-]+): (.+)\.$/gm)].map(([, name, why]) => [name, why]);
    expect(Object.fromEntries(others)).toEqual({
      'new-peer': 'its query names the end of the time, which an alarm cannot',
      'unusual-upload': 'it looks back 7d, an alarm no more than 24 h',
      'rare-peer': 'it looks back 7d, an alarm no more than 24 h',
      'unused-rule': 'it looks back 30d, an alarm no more than 24 h',
    });
    const worthIt = CATALOGUE.filter(({ severity }) => severity.length > 0).map(({ name }) => name);
    expect([...NAMES, ...Object.keys(Object.fromEntries(others))].toSorted()).toEqual(worthIt.toSorted());
  });

  test.each(ALARMS)('$name asks what CLS documents, and names nothing that only we know', (alarm) => {
    const query = alarmQuery(alarm);
    readCls(query);
    // SearchLog, Query.
    expect(Buffer.byteLength(query)).toBeLessThan(12_000);
    expect(query).not.toMatch(/\$\{/);
  });

  test.each(ALARMS)(
    '$name looks back over what lies between two looks, twice, and no further than CLS does',
    (alarm) => {
      const { period, lookBack } = alarmTimes(alarm);
      expect(lookBack).toBeLessThanOrEqual(1440);
      expect(lookBack >= 3 * period || lookBack === 1440).toBe(true);
    },
  );

  test.each(ALARMS)('$name tells of columns that its query has', (alarm) => {
    const known = outputColumns(questionOf(alarm, {}, 0).replace(/^.*?\|/s, '')).map(({ name }) => name);
    const message = alarmMessage(alarm);
    const named = [...message.matchAll(/\{\{(?:\.(\w+)|index \. "([^"]+)")\}\}/g)].map(
      ([, plain, quoted]) => plain ?? quoted!,
    );
    expect(named.filter((name) => !known.includes(name))).toEqual(['QueryUrl', 'DetailUrl']);
    expect(message.match(/\{\{range /g)?.length).toBe(1);
    expect(message.match(/\{\{end\}\}/g)?.length).toBe(1);
  });
});

/** Of `tencentcloud_cls_alarm`, from the provider's pages. */
const ARGUMENTS = {
  tencentcloud_cls_alarm: [
    'name alarm_targets monitor_time condition alarm_level multi_conditions trigger_count alarm_period alarm_notice_ids',
    'monitor_notice status message_template call_back analysis classifications tags',
    'topic_id query number start_time_offset end_time_offset logset_id syntax_rule type time',
  ],
  tencentcloud_cls_alarm_notice: [
    'name type notice_receivers web_callbacks receiver_type receiver_ids receiver_channels notice_content_id start_time end_time',
  ],
};
/** Of every resource. */
const META = ['for_each', 'count', 'lifecycle', 'precondition', 'condition', 'error_message'];

test.each(Object.entries(ARGUMENTS))('%s has no argument that the provider does not document', (type, documented) => {
  const [block = ''] = new RegExp(`^resource "${type}" [^]*?^}`, 'm').exec(read('main.tf')) ?? [];
  const named = [...block.matchAll(/^ +(\w+) (?:=|\{)/gm)].map(([, name]) => name!);
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !documented.join(' ').split(' ').includes(name) && !META.includes(name))).toEqual([]);
});

describe.skipIf(!hasTerraform)('with terraform', () => {
  test('the files are formatted', () => {
    expect(terraform(['fmt', '-check', '-diff', '.'], FOLDER)).toEqual({ status: 0, text: '' });
  });

  /** What an expression is, by Terraform, without a provider. */
  function evaluated(expression: string, ...variables: readonly string[]): unknown {
    const folder = temporaryFolder();
    for (const file of ['alarms.tf', 'chosen.tf', 'variables.tf']) copyFileSync(join(FOLDER, file), join(folder, file));
    writeFileSync(join(folder, 'terraform.tfvars'), 'region = "ap-guangzhou"\nlogset_id = "l"\ntopic_id = "t"\n');
    writeFileSync(join(folder, 'given.auto.tfvars'), variables.join('\n'));
    const { status, text } = terraform(['console'], folder, `jsonencode(${expression})\n`);
    expect(status, text).toBe(0);
    return JSON.parse(JSON.parse(text.trim()) as string);
  }

  test('each query is that of the catalogue at its thresholds, and each message and time its own', () => {
    const alarms = evaluated('local.alarms') as Record<
      string,
      { query: string; message: string; period: number; look_back: number }
    >;
    expect(Object.keys(alarms).toSorted()).toEqual(NAMES.toSorted());
    for (const alarm of ALARMS) {
      const { query, message, period, look_back } = alarms[alarm.name]!;
      expect([query.trim(), message.trim()]).toEqual([alarmQuery(alarm), alarmMessage(alarm)]);
      expect({ period, lookBack: look_back }).toEqual(alarmTimes(alarm));
    }
  });

  test('the variables of docs/cls-alarms.md are some, and name what there is', () => {
    const [, given = ''] = /```hcl\n(.*?)```/s.exec(PAGE) ?? [];
    expect(evaluated('{ unknown = local.unknown, users = var.notify_user_ids }', given)).toEqual({
      unknown: [],
      users: [100037718139],
    });
    const chosen = evaluated('keys(local.chosen)', given) as string[];
    expect([chosen.includes('long-connection'), chosen.includes('fragments')]).toEqual([true, false]);
  });

  test('a threshold that is given takes the place of that of the catalogue, and the others stay', () => {
    const given = 'parameters={"scan-ports"={ports=50},"fragments"={share=0.25}}';
    const queries = evaluated('{ for name, alarm in local.alarms : name => trimspace(alarm.query) }', given) as Record<
      string,
      string
    >;
    const named = (name: string) => CATALOGUE.find((analysis) => analysis.name === name)!;
    expect(queries['scan-ports']).toBe(questionOf(named('scan-ports'), { ports: 50 }, 0));
    expect(queries['fragments']).toBe(questionOf(named('fragments'), { share: 0.25 }, 0));
    expect(queries['beacon']).toBe(questionOf(named('beacon'), {}, 0));
  });

  test('noisy ones are made where they are named, and any can be left out', () => {
    const quietOnes = NAMES.filter((name) => !['idle-listener', 'long-connection'].includes(name));
    expect(evaluated('keys(local.chosen)')).toEqual(quietOnes.toSorted());
    expect(evaluated('keys(local.chosen)', 'noisy=["long-connection"]', 'without=["beacon"]')).toEqual(
      [...quietOnes, 'long-connection'].filter((name) => name !== 'beacon').toSorted(),
    );
  });

  test('the provider takes them', (context) => {
    const folder = temporaryFolder();
    for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.tf')))
      copyFileSync(join(FOLDER, file), join(folder, file));
    const { status, text } = terraform(['init', '-backend=false', '-input=false', '-no-color'], folder);
    if (status !== 0)
      process.stderr.write('monitoring/cls: terraform validate skipped: the provider cannot be had here\n');
    context.skip(status !== 0, text.trim().split('\n')[0]);
    expect(terraform(['validate', '-no-color'], folder)).toMatchObject({ status: 0 });
  });

  test('names that no alarm has are refused', () => {
    expect(evaluated('local.unknown', 'noisy=["long-conection"]', 'parameters={"scan-port"={ports=1}}')).toEqual([
      'long-conection',
      'scan-port',
    ]);
    expect(evaluated('local.unknown', 'parameters={"scan-ports"={port=1}}')).toEqual(['scan-ports.port']);
    expect(evaluated('local.unknown', 'without=["beacon"]')).toEqual([]);
  });
});

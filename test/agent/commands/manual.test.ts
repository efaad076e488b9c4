import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { allOptions } from '../../../agent/cli/invocation.ts';
import { renderManual } from '../../../agent/commands/manual.ts';
import { COMMANDS } from '../../../agent/commands/registry.ts';

const page = await renderManual(COMMANDS, '1.2.3');

test('the manual has every command with its options and examples', async () => {
  for (const load of COMMANDS.values()) {
    const command = await load();
    expect(page).toContain(`.SS "flowlogd ${command.name.replaceAll('-', '\\-')}`);
    for (const { name } of allOptions(command)) expect(page).toContain(`\\-\\-${name.replaceAll('-', '\\-')}`);
  }
});

test('no text of it is taken for a request of the formatter', () => {
  for (const line of page.split('\n')) {
    if (/^[.']/.test(line)) expect(line).toMatch(/^\.(?:TH|SH|SS|TP|PP|RS|RE|BR?|br|nf|fi)\b/);
    expect(line).not.toMatch(/\\(?![-e&(])/);
  }
});

const isMissing = spawnSync('groff', ['--version']).error !== undefined;
if (isMissing) process.stderr.write('manual: skipped, there is no groff here\n');

test.skipIf(isMissing)('groff formats it without a warning', () => {
  const { status, stderr } = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-z'], { input: page, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

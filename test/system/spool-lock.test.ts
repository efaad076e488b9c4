/** One agent, one state: real processes that start at the same moment, die, or live in namespaces of their own. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { EXIT } from '../../agent/model/operational-error.ts';
import { AgentProcess } from '../support/agent-process.ts';
import { NetworkNamespace } from '../support/network-namespace.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CONTENDERS = 4;
const RACES = 300;

async function startContender(): Promise<ChildProcess> {
  const child = fork('test/support/take-lock.mjs', { execArgv: [] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  return child;
}

/** Asks all at once, and answers what each says. */
async function ask(children: readonly ChildProcess[], message: string): Promise<readonly unknown[]> {
  const answers = children.map((child) => once(child, 'message'));
  for (const child of children) child.send(message);
  return (await Promise.all(answers)).flat().filter((answer) => typeof answer === 'string');
}

test('of processes that start at the same moment over what a killed one left, one gets the spool', async () => {
  const root = temporaryFolder();
  const contenders = await Promise.all(Array.from({ length: CONTENDERS }, startContender));
  const holders: number[] = [];
  for (let race = 0; race < RACES; race++) {
    const folder = join(root, String(race));
    mkdirSync(folder);
    symlinkSync('1073741824 another-boot 1', join(folder, 'lock'));
    holders.push((await ask(contenders, folder)).filter((answer) => answer === 'held').length);
    await ask(contenders, 'release');
  }
  expect(new Set(holders)).toEqual(new Set([1]));
});

test('an agent in a process namespace of its own is kept out, and let in at once after a kill', async () => {
  const namespace = new NetworkNamespace();
  onTestFinished(() => namespace.remove());
  const folder = temporaryFolder();
  const service = { url: 'http://127.0.0.1:1', keys: { secretId: 'id', secretKey: 'key' } };
  const options = { namespace, folder, service, windowSeconds: 10, interfaceName: 'lo' };
  const first = new AgentProcess(options);
  await first.start();
  // With another socket's folder it cannot ask the first one, as in a container that shares no more than the volume.
  const apart = ['env', `RUNTIME_DIRECTORY=${temporaryFolder()}`, 'unshare', '--pid', '--fork', '--mount-proc'];
  const second = new AgentProcess({ ...options, through: apart });
  const { code, stderr } = await second.launch().ended;
  expect(code).toBe(EXIT.unavailable);
  expect(stderr).toMatch(
    new RegExp(`in use by process ${first.pid} on \\S+ since 20[\\d-]+ [\\d:]+Z: stop that agent`),
  );
  await first.stop('SIGKILL');
  await first.start();
  await first.stop();
});

/** The key of a sink is taken away under load: from a moment on the service accepts another one only, which the files have later. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import { decodeLogGroups } from '../support/cls-schema.ts';
import type { RunningCommand } from '../support/command.ts';
import type { StoredLog } from '../support/log-service-process.ts';
import { LineProcess } from '../support/network-namespace.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { countsOf, storedTwice } from '../support/stored-flows.ts';
import { countLines } from '../support/traffic.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`rotation: ${missing}\n`);

const PORT = 9600;
const OLD = { secretId: 'AKIDold', secretKey: 'the-old-secret-key' };
const NEW = { secretId: 'AKIDnew', secretKey: 'the-new-secret-key' };

interface Said {
  readonly ready?: true;
  readonly took?: true;
  readonly refused?: string;
  readonly accepted?: string;
}

describe.skipIf(missing !== undefined)('a sink whose key is taken away', () => {
  let host: ObservedHost;
  let service: LineProcess<Said>;
  beforeEach(async () => {
    host = await ObservedHost.start(1);
    service = new LineProcess(
      host.hosts.observed.start(process.execPath, resolve('test/support/rotating-service.mjs'), String(PORT)),
    );
    await service.until((lines) => lines.some(({ ready }) => ready));
  });
  afterEach(async () => {
    await service.stop();
    host.hosts.remove();
  });

  const folder = () => join(host.agent.stateFolder, '..');
  const write = (name: string, text: string) => writeFileSync(join(folder(), name), `${text}\n`, { mode: 0o600 });
  const accepted = () => service.lines.flatMap(({ accepted: body }) => (body === undefined ? [] : [body]));

  async function accept(key: typeof OLD): Promise<void> {
    const taken = service.lines.filter(({ took }) => took).length;
    service.tell(JSON.stringify(key));
    await service.until((lines) => lines.filter(({ took }) => took).length > taken);
  }

  async function startAgent(): Promise<RunningCommand> {
    const sinks = { cls: { url: `http://127.0.0.1:${PORT}`, keys: OLD } };
    const { hosts, service: unused } = host;
    const options = { namespace: hosts.observed, folder: folder(), service: unused, windowSeconds: 1, sinks };
    const agent = new AgentProcess(options);
    const path = join(folder(), 'flowlogd.yaml');
    const files = 'compression: none, secretIdFile: id, secretKeyFile: key }';
    const text = readFileSync(path, 'utf8').replace(/secretId: .*\}$/m, files);
    writeFileSync(path, text);
    write('id', OLD.secretId);
    write('key', OLD.secretKey);
    return agent.start();
  }

  async function window(): Promise<void> {
    await host.windowBegin();
    host.sendBurst();
  }

  /** What the accepted bodies hold, each log as a store would have it. */
  function logs(): StoredLog[] {
    const groups = accepted().flatMap((body) => decodeLogGroups(Buffer.from(body, 'base64')));
    return groups.flatMap((group) => group.logs.map((log) => Object.fromEntries(log.contents)));
  }

  test('loses no record, sends none twice, and is not restarted', async () => {
    await accept(OLD);
    const agent = await startAgent();
    await window();
    await service.until(() => accepted().length > 1);
    await accept(NEW);
    await window();
    await service.until((lines) => lines.some(({ refused }) => refused === 'AuthFailure.SecretIdNotFound'));
    await window();
    // One after the other, so that for a moment they are not of one key.
    write('key', NEW.secretKey);
    write('id', NEW.secretId);
    await agent.until(({ stderr }) => stderr.includes('uploads succeed again'));
    await window();
    const arrived = () => JSON.stringify(countLines(countsOf(logs()))) === JSON.stringify(countLines(host.counts));
    await service.until(arrived);
    agent.child.kill('SIGHUP');
    await agent.until(({ stderr }) => stderr.includes('configuration reloaded'));
    const { code, stderr } = await agent.stop();
    expect(code).toBe(0);
    expect(countLines(countsOf(logs()))).toEqual(countLines(host.counts));
    expect(storedTwice(logs())).toEqual([]);
    expect(new Set(accepted()).size).toBe(accepted().length);
    expect(stderr).toContain('credentials of sink cls reloaded');
    expect(stderr).not.toContain('require a restart');
    for (const secret of [...Object.values(OLD), ...Object.values(NEW)]) expect(stderr).not.toContain(secret);
  });

  test('keeps its key where the files hold none, and says why', async () => {
    await accept(OLD);
    const agent = await startAgent();
    write('key', '');
    await agent.until(({ stderr }) =>
      /reloading credentials failed; keeping the current ones: .*key is empty/.test(stderr),
    );
    await window();
    await service.until(() => logs().some((log) => 'srcaddr' in log && log['packets'] !== '-'));
    expect(await agent.stop()).toMatchObject({ code: 0 });
  });
});

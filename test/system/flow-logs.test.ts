import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FlowLogList, FlowLogView } from '../../agent/control/flow-log-view.ts';
import { AgentProcess } from '../support/agent-process.ts';
import { type RunningCommand, runCommand } from '../support/command.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { countsOf, isFlow, storedTwice } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { storedTicks, TickSender } from '../support/ticks.ts';
import { addCounts, type Counts, countLines } from '../support/traffic.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`flow logs: ${missing}\n`);

const WINDOW_SECONDS = 2;

describe.skipIf(missing !== undefined)('the flow logs of a running agent', { timeout: 180_000 }, () => {
  let host: ObservedHost;
  beforeEach(async () => {
    host = await ObservedHost.start(WINDOW_SECONDS);
  });
  afterEach(() => host.hosts.remove());

  const flowlogd = (agent: AgentProcess, ...words: string[]) =>
    runCommand(['flow-logs', ...words, '--state-directory', agent.stateFolder, '--json'], {
      namespace: host.hosts.observed,
    });

  /** What a command answers that must succeed. */
  async function asked<Answer = FlowLogView>(agent: AgentProcess, ...words: string[]): Promise<Answer> {
    const { code, stdout, stderr } = await flowlogd(agent, ...words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as Answer;
  }

  /** Starts it and waits until it can be asked, which is a moment after it captures. */
  async function start(agent: AgentProcess): Promise<RunningCommand> {
    const running = await agent.start();
    await agent.untilStatus();
    return running;
  }

  /** An agent that observes loopback, so that obs0 is free for what commands create. */
  function besideLoopback(): AgentProcess {
    return new AgentProcess({
      namespace: host.hosts.observed,
      folder: temporaryFolder(),
      service: host.service,
      windowSeconds: WINDOW_SECONDS,
      interfaceName: 'lo',
    });
  }

  test('lose no packet while another one is created, disabled, enabled, deleted, and the file is read again', async () => {
    const running = await start(host.agent);
    const sender = new TickSender(host.hosts, 4);
    await asked(host.agent, 'create', '--name', 'other', '--interface', 'lo', '--window', '1');
    for (const action of ['disable', 'enable', 'delete']) await asked(host.agent, action, 'other');
    running.child.kill('SIGHUP');
    await running.until(({ stderr }) => stderr.includes('configuration reloaded; flow logs unchanged'));
    const ticks = await sender.stop();
    expect((await host.agent.stop()).code).toBe(0);
    const stored = await storedTicks(host.service, ticks.length);
    expect(ticks.length).toBeGreaterThan(50);
    for (const [tick, { packets }] of ticks.entries()) expect(stored.get(tick), `tick ${tick}`).toEqual(packets);
    expect(storedTwice((await host.service.query('log-status:*')).filter(isFlow))).toEqual([]);
    await host.service.stop();
  });

  test('count exactly what came while they were enabled, also when that was twice in one window', async () => {
    const agent = besideLoopback();
    await start(agent);
    const { id } = await asked(agent, 'create', '--name', 'web', '-i', 'obs0', '--set', 'windowSeconds=10m');
    const expected: Counts = new Map();
    host.sendBurst();
    addCounts(expected, host.sent[0]!.burst.counts);
    expect(await asked(agent, 'disable', 'web')).toMatchObject({ state: 'disabled', observed: [] });
    host.sendBurst();
    expect(await asked(agent, 'enable', id)).toMatchObject({ state: 'capturing', observed: [{ interface: 'obs0' }] });
    host.sendBurst();
    addCounts(expected, host.sent[2]!.burst.counts);
    expect(await asked(agent, 'delete', 'web')).toEqual({ deleted: id });
    host.sendBurst();
    expect((await agent.stop()).code).toBe(0);
    const logs = (await host.service.query()).filter((log) => log['interface-id'] !== 'eni-test');
    expect(countLines(countsOf(logs))).toEqual(countLines(expected));
    expect(logs.filter((log) => log['log-status'] === 'SKIPDATA')).toEqual([]);
    await host.service.stop();
  });

  test('are the same after a kill: name, tags, whether they are enabled, and what they count', async () => {
    const agent = besideLoopback();
    const running = await start(agent);
    const { id } = await asked(agent, 'create', '--name', 'web', '-i', 'obs0', '--tag', 'env=test');
    await asked(agent, 'rename', 'web', 'web tier', '--description', 'the shop');
    await asked(agent, 'tag', 'web tier', 'team=shop', 'a=b');
    await asked(agent, 'untag', 'web tier', 'a');
    const lo = (await asked<FlowLogList>(agent, 'list', '--interface', 'lo')).flowLogs[0]!;
    await asked(agent, 'disable', lo.id);
    await running.stop('SIGKILL');
    await start(agent);
    const { flowLogs } = await asked<FlowLogList>(agent, 'list', '--order', 'name', '--ascending');
    const tags = { env: 'test', team: 'shop' };
    expect(flowLogs).toMatchObject([
      { id: lo.id, enabled: false, state: 'disabled', origin: 'file' },
      { id, name: 'web tier', description: 'the shop', tags, state: 'capturing', origin: 'command' },
    ]);
    host.sendBurst();
    expect((await agent.stop()).code).toBe(0);
    const logs = (await host.service.query()).filter((log) => log['interface-id'] !== 'eni-test');
    expect(countLines(countsOf(logs))).toEqual(countLines(host.counts));
    await host.service.stop();
  });

  test('go on without a packet lost when the period of a region gateway changes', async () => {
    const agent = besideLoopback();
    await start(agent);
    await asked(agent, 'create', '--name', 'ccn', '-i', 'obs0', '--resource-type', 'CCN', '--window', '60');
    const sender = new TickSender(host.hosts, 4);
    for (const window of ['600', '300', '60']) {
      expect(await asked(agent, 'modify', 'ccn', '--window', window)).toMatchObject({ windowSeconds: Number(window) });
    }
    const ticks = await sender.stop();
    expect((await agent.stop()).code).toBe(0);
    const stored = await storedTicks(host.service, ticks.length);
    expect(ticks.length).toBeGreaterThan(50);
    for (const [tick, { packets }] of ticks.entries()) expect(stored.get(tick), `tick ${tick}`).toEqual(packets);
    await host.service.stop();
  });

  test('say before the first window ends whether their records will arrive, or why not', async () => {
    const agent = besideLoopback();
    await start(agent);
    const long = ['--window', '10m'];
    await asked(agent, 'disable', 'default');
    expect(await asked(agent, 'create', '--name', 'web', '-i', 'obs0', ...long)).toMatchObject({
      readiness: { state: 'ready' },
    });
    expect((await agent.stop()).code).toBe(0);
    await host.service.stop();

    const folder = temporaryFolder();
    const closed = { keys: { secretId: 'AKIDnobody', secretKey: 'wrong' }, url: host.service.url };
    const wrong = new AgentProcess({
      namespace: host.hosts.observed,
      folder,
      service: closed as typeof host.service,
      windowSeconds: 600,
    });
    await start(wrong);
    expect(await asked(wrong, 'describe', 'default')).toMatchObject({ readiness: { state: 'unreachable' } });
    await host.service.start();
    expect(await asked(wrong, 'describe', 'default')).toMatchObject({
      readiness: { state: 'refused', message: expect.stringMatching(/401 AuthFailure.*no such SecretId/) },
    });
    await wrong.stop('SIGKILL');
    await host.service.stop();
  });

  test('keep their storage when the file names another one, and the agent does not start with that', async () => {
    const running = await start(host.agent);
    const { id } = (await asked<FlowLogList>(host.agent, 'list')).flowLogs[0]!;
    const { id: made } = await asked(host.agent, 'create', '--name', 'made', '-i', 'lo');
    const path = join(host.agent.stateFolder, '../flowlogd.yaml');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('topicId: flowlog', 'topicId: elsewhere'), { mode: 0o600 });
    running.child.kill('SIGHUP');
    await running.until(({ stderr }) => stderr.includes('configuration reloaded'));
    const moved = 'storage (topic flowlog of 127.0.0.1:9514 -> topic elsewhere of 127.0.0.1:9514) is immutable.';
    for (const each of [id, made]) expect(running.stderr).toMatch(new RegExp(`"error".*${each}`));
    expect(running.stderr).toContain(moved);
    expect(running.stderr).not.toContain('cls.topicId');
    const { refusals } = await asked<FlowLogList>(host.agent, 'list');
    expect(refusals.map(({ flowLogId }) => flowLogId).sort()).toEqual([id, made].sort());
    host.sendBurst();
    expect((await host.agent.stop()).code).toBe(0);
    const records = (await host.service.query()).filter(isFlow).filter((log) => log['interface-id'] === 'eni-test');
    expect(countLines(countsOf(records))).toEqual(countLines(host.counts));

    const refused = await host.agent.launch().ended;
    expect(refused.code).toBe(78);
    expect(refused.stderr.trimEnd().split('\n')).toEqual([
      expect.stringContaining(`${made} (made): ${moved} Restore the configuration; to change the storage, delete`),
      expect.stringContaining(`${id} (default): ${moved} Restore the configuration, or delete`),
    ]);
    writeFileSync(path, text, { mode: 0o600 });
    await start(host.agent);
    expect((await asked<FlowLogList>(host.agent, 'list')).flowLogs.map((view) => view.id).sort()).toEqual(
      [id, made].sort(),
    );
    expect((await host.agent.stop()).code).toBe(0);
    await host.service.stop();
  });

  test('refuse what they cannot be, in one sentence and with an exit code', async () => {
    const running = await start(host.agent);
    const refusal = async (...words: string[]) => {
      const { code, stdout, stderr } = await flowlogd(host.agent, ...words);
      expect(stdout).toBe('');
      expect(stderr.trim().split('\n')).toHaveLength(1);
      return `${code} ${stderr.trim()}`;
    };
    const { flowLogs } = await asked<FlowLogList>(host.agent, 'list');
    const { id } = flowLogs[0]!;
    expect(await refusal('create', '-i', 'obs0')).toMatch(
      /^78 .*obs0 already belongs to the flow log .*delete that one/,
    );
    expect(await refusal('create', '-i', 'obs1')).toMatch(/^66 .*no such interface: obs1/);
    expect(await refusal('create', '-i', 'lo', '--window', '1h')).toMatch(/^78 .*windowSeconds: invalid value '1h'/);
    expect(await refusal('create', '-i', 'lo', '--set', 'snapLen=3')).toMatch(/^78 .*unknown option/);
    expect(await refusal('delete', id)).toMatch(/^78 .*declared in the configuration file/);
    expect(await refusal('rename', id, 'x'.repeat(61))).toMatch(/^78 .*1 to 60 characters/);
    expect(await refusal('enable', 'nothing')).toMatch(/^78 .*no such flow log: nothing/);
    expect(await refusal('rename', id)).toMatch(/^64 .*rename FLOW-LOG NAME/);

    const path = join(host.agent.stateFolder, '../flowlogd.yaml');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('windowSeconds: 2', 'windowSeconds: 3'));
    running.child.kill('SIGHUP');
    await running.until(({ stderr }) => stderr.includes('windowSeconds (2 -> 3) is immutable'));
    const after = await asked<FlowLogList>(host.agent, 'list');
    expect(after.refusals).toMatchObject([{ flowLogId: id }]);
    expect(after.flowLogs).toMatchObject([{ id, state: 'capturing', windowSeconds: 2 }]);
    expect((await host.agent.stop()).code).toBe(0);
    const again = await host.agent.launch().ended;
    expect(again.code).toBe(78);
    expect(again.stderr).toMatch(/windowSeconds \(2 -> 3\) is immutable.*id: fl-\w{8}/);
    await host.service.stop();
  });
});

/** Records on standard output: the same as in a log service beside it, nothing else among them, and a reader that is slow or gone harms nothing. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import { pcapFile } from '../support/capture-file.ts';
import { runCommand } from '../support/command.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { countsOf, ledgerSum, storedTwice } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { Burst, countLines } from '../support/traffic.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const noHosts = twoHostsMissing();
if (noHosts !== undefined) process.stderr.write(`stdout: ${noHosts}\n`);

const WINDOW_SECONDS = 2;

type Row = Record<string, string>;

/** A line that is no object fails. */
const rowsOf = (text: string): Row[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => Object.fromEntries(Object.entries(JSON.parse(line)).map(([key, value]) => [key, String(value)])));

const flowsOf = (rows: readonly Row[]) => rows.filter(({ srcaddr }) => srcaddr !== undefined);

test('a replay prints to it what it prints without a sink, and the ledger', async () => {
  const capture = join(temporaryFolder(), 'capture.pcap');
  const frames = Array.from({ length: 5 }, (_, number) => new Burst(number)).flatMap((burst) => burst.frames);
  writeFileSync(capture, pcapFile(frames.map((bytes) => ({ bytes, seconds: 1_700_000_000 }))));
  const own = await runCommand(['replay', capture, '--fields', 'eni']);
  for (const target of ['-', 'stdout:']) {
    const { code, stdout, stderr } = await runCommand(['replay', capture, '--to', target]);
    expect(code, stderr).toBe(0);
    expect(stderr).toBe(own.stderr);
    const rows = rowsOf(stdout);
    expect(countLines(countsOf(flowsOf(rows)))).toEqual(countLines(countsOf(rowsOf(own.stdout))));
    expect(ledgerSum(rows, 'ledger-offered-packets')).toBe(frames.length);
  }
});

describe.skipIf(noHosts !== undefined)('an agent', () => {
  test('prints every record once and nothing else, and says when its reader is gone', async ({ onTestFinished }) => {
    const host = await ObservedHost.start(WINDOW_SECONDS);
    onTestFinished(() => host.hosts.remove());
    const agent = new AgentProcess({
      namespace: host.hosts.observed,
      folder: dirname(host.agent.stateFolder),
      service: host.service,
      windowSeconds: WINDOW_SECONDS,
      sinks: { cls: host.service, out: 'type: stdout' },
    });
    const running = await agent.start();
    await host.windowBegin();
    host.sendBurst();
    await host.untilArrived();
    await agent.untilDelivered();
    const { sinks } = await agent.untilStatus();
    expect(sinks.find(({ name }) => name === 'out')).toMatchObject({ state: 'idle' });
    const rows = rowsOf(running.stdout);
    expect(countLines(countsOf(flowsOf(rows)))).toEqual(countLines(host.counts));
    expect(storedTwice(flowsOf(rows))).toEqual([]);

    running.child.stdout!.destroy();
    host.sendBurst();
    await host.untilArrived();
    const { problems } = await agent.untilStatus((status) => status.sinks.some(({ state }) => state === 'blocked'));
    const sentence = /EPIPE: the reader of standard output is gone: restart flowlogd with one/;
    expect(problems.find(({ code }) => code === 'exporter-blocked')).toMatchObject({
      sink: 'out',
      message: expect.stringMatching(sentence),
    });
    expect(running.stderr).toMatch(sentence);
    expect((await agent.stop()).code).toBe(0);
    expect(agent.spooledFor('out').length).toBeGreaterThan(0);
    const next = await agent.start();
    await agent.untilDelivered();
    expect((await agent.stop()).code).toBe(0);
    expect(countLines(countsOf(flowsOf([...rows, ...rowsOf(next.stdout)])))).toEqual(countLines(host.counts));
    await host.service.stop();
  });
});

/**
 * The built agent before a log service that gives every answer there is, and some that should not be: those of one kind are met by
 * one run, which begins with a backlog and ends with a kill, and at the end everything is stored once that was not refused for good.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { REFUSALS } from '../../agent/export/cls/refusal.ts';
import { SPOOL_HEADER_BYTES } from '../../agent/spool/spool-file.ts';
import { FlowBatchReader } from '../../agent/wire/flow-batch-reader.ts';
import { AgentProcess } from '../support/agent-process.ts';
import { BACKLOG_INTERFACE, type Backlog, writeBacklog } from '../support/backlog.ts';
import { runInProcess } from '../support/in-process.ts';
import { LineProcess } from '../support/network-namespace.ts';
import { LOG_SERVICE_PORT } from '../support/observation.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`refusal: ${missing}\n`);

const PORT = 9600;
const KINDS = ['retry', 'blocked', 'too-large', 'poison'] as const;
type Kind = (typeof KINDS)[number];

/** What a run has counted that met so many faults of one kind. */
const COUNTED: Partial<Record<Kind, (count: number) => Partial<Record<'split' | 'quarantined', number>>>> = {
  'too-large': (split) => ({ split }),
  poison: (quarantined) => ({ quarantined }),
};

interface Fault {
  readonly name: string;
  readonly kind: Kind;
  /** Undefined where no answer comes. */
  readonly status?: number;
  /** What the agent's status must say of it. */
  readonly says: RegExp;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly misbehaviour?: 'black-hole' | 'reset' | 'truncated' | 'drip';
}

/** What the service in front says: its requests' faults, and what it was told. */
interface Said {
  readonly ready?: true;
  readonly took?: string;
  readonly met?: string;
  readonly url?: string;
  readonly atMs?: number;
}

const HTML = { headers: { 'content-type': 'text/html' }, body: '<html>Please log in</html>' };

const FAULTS: readonly Fault[] = [
  ...REFUSALS.map(({ errorcode, status, kind }) => ({
    name: errorcode,
    kind,
    status,
    headers: { 'x-cls-requestid': 'r-1' },
    body: JSON.stringify({ errorcode, errormessage: 'as documented' }),
    says: new RegExp(`${status} ${errorcode}: as documented`),
  })),
  { name: 'an unknown code', kind: 'blocked', status: 400, body: '{"errorcode":"Novel"}', says: /400 Novel/ },
  { name: '500 without words', kind: 'retry', status: 500, says: /500 with/ },
  { name: '503 of a proxy', kind: 'retry', status: 503, ...HTML, says: /503 with text\/html/ },
  { name: '413', kind: 'too-large', status: 413, says: /503/ },
  { name: 'a portal', kind: 'retry', status: 200, ...HTML, says: /200 with text\/html/ },
  {
    name: 'a 200 of the management API',
    kind: 'blocked',
    status: 200,
    headers: { 'x-cls-requestid': 'r-1' },
    body: '{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure","Message":"no"},"RequestId":"x"}}',
    says: /200 AuthFailure\.SignatureFailure: no; this is the management API/,
  },
  {
    name: 'a 200 with the error of a stranger',
    kind: 'retry',
    status: 200,
    headers: { 'x-cls-requestid': 'r-1' },
    body: '{"code":-1}',
    says: /200 with code -1/,
  },
  { name: 'an empty 200 of a stranger', kind: 'retry', status: 200, says: /without x-cls-requestid/ },
  {
    name: 'a redirect',
    kind: 'retry',
    status: 302,
    headers: { location: `http://127.0.0.1:${PORT}/elsewhere` },
    says: /302, a redirect/,
  },
  { name: 'a truncated answer', kind: 'retry', misbehaviour: 'truncated', says: /cut off/ },
  { name: 'a reset', kind: 'retry', misbehaviour: 'reset', says: /ECONNRESET|hang up/ },
  { name: 'a black hole', kind: 'retry', misbehaviour: 'black-hole', says: /within 1000 ms/ },
  { name: 'an answer that drips', kind: 'retry', misbehaviour: 'drip', says: /within 1000 ms/ },
];

describe.skipIf(missing !== undefined)('an agent that is refused', { timeout: 300_000 }, () => {
  let host: ObservedHost;
  let front: LineProcess<Said>;
  beforeEach(async () => {
    host = await ObservedHost.start(60);
    await startFront();
  });
  afterEach(async () => {
    await front.stop();
    host.hosts.remove();
  });

  async function startFront(): Promise<void> {
    const words = [resolve('test/support/faulty-service.mjs'), String(PORT), String(LOG_SERVICE_PORT)];
    front = new LineProcess<Said>(host.hosts.observed.start(process.execPath, ...words));
    await front.until((lines) => lines.some(({ ready }) => ready));
  }

  function agentTo(endpoint: string): AgentProcess {
    const { hosts, service, agent } = host;
    const folder = join(agent.stateFolder, '..');
    const through = ['env', `FLOWLOGD_SINKS_CLS_ENDPOINT=${endpoint}`, 'FLOWLOGD_SINKS_CLS_REQUEST_TIMEOUT_SECONDS=1'];
    return new AgentProcess({ namespace: hosts.observed, folder, service, windowSeconds: 60, through });
  }

  async function arm(fault: Partial<Fault> & { readonly times?: number }): Promise<void> {
    const before = front.lines.length;
    front.tell(JSON.stringify(fault));
    await front.until((lines) => lines.slice(before).some(({ took }) => took !== undefined));
  }

  /** The first is met by a start, each other one by a retry of what is pending. */
  async function meetInTurn(agent: AgentProcess, faults: readonly Fault[]): Promise<void> {
    for (const [met, fault] of faults.entries()) {
      const isOnce = fault.kind === 'too-large' || fault.kind === 'poison';
      await arm({ ...fault, ...(isOnce ? { times: 1 } : {}) });
      if (met === 0) agent.launch();
      else expect((await runInProcess(['spool', 'retry', '--state-directory', agent.stateFolder])).code).toBe(0);
      await untilMet(agent, fault, met + 1);
    }
    await agent.stop('SIGKILL');
  }

  /** @param count how many of its kind this run has met then */
  async function untilMet(agent: AgentProcess, { name, kind, says }: Fault, count: number): Promise<void> {
    // On a busy machine a request may first time out, which says something else, and is repeated.
    const { exporter } = await agent.untilStatus(({ exporter: { state, lastError, split, quarantined } }) => {
      if (!/^(?:backing-off|blocked)$/.test(state)) return false;
      if (kind === 'too-large') return split >= count;
      return kind === 'poison' ? quarantined >= count : says.test(lastError ?? '');
    });
    const { split, quarantined } = { split: 0, quarantined: 0, ...COUNTED[kind]?.(count) };
    expect(exporter, name).toMatchObject({ state: kind === 'blocked' ? 'blocked' : 'backing-off', split, quarantined });
  }

  /** Starts of the windows whose batch lies in the quarantine, with a reason beside it. */
  function quarantined(): number[] {
    const folder = join(host.agent.sinkFolder(), 'quarantine');
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.flows')) : [];
    return names.map((name) => {
      expect(readFileSync(join(folder, `${name}.reason.txt`), 'utf8')).toMatch(/as documented/);
      return new FlowBatchReader(readFileSync(join(folder, name)).subarray(SPOOL_HEADER_BYTES)).header.windowStart;
    });
  }

  async function compare(backlog: Backlog): Promise<void> {
    const refused = quarantined();
    expect(refused.length).toBe(REFUSALS.filter(({ kind }) => kind === 'poison').length);
    const rows = await host.service.query(
      `interface-id:${BACKLOG_INTERFACE} AND srcaddr:* | ` +
        'select "start", count(*) as flows, sum(packets) as packets, sum(bytes) as bytes group by 1 order by 1',
    );
    const stored = rows.map(({ start, flows, packets, bytes }) => [start, flows, packets, bytes].map(Number));
    const expected = backlog.windows.filter(({ start }) => !refused.includes(start));
    expect(stored).toEqual(expected.map(({ start, flows, packets, bytes }) => [start, flows, packets, bytes]));
  }

  test('keeps, cuts or sets aside as documented, says so, and delivers once when the service is well', async () => {
    const shape = { windows: 7, windowSeconds: 10, flowsPerWindow: 40, recordsPerBatch: 50 };
    const backlog = writeBacklog(join(host.agent.stateFolder, 'spool'), shape, Date.now() / 1000);
    expect(backlog.batches.size).toBe(7);
    const agent = agentTo(`http://127.0.0.1:${PORT}`);
    for (const kind of KINDS) {
      await meetInTurn(
        agent,
        FAULTS.filter((fault) => fault.kind === kind),
      );
    }
    expect(front.lines.filter(({ url }) => url?.startsWith('/elsewhere'))).toEqual([]);

    const encrypted = agentTo(`https://127.0.0.1:${PORT}`);
    await meetInTurn(encrypted, [{ name: 'no TLS', kind: 'retry', says: /SSL|TLS|EPROTO/ }]);
    await front.stop();
    agent.launch();
    await untilMet(agent, { name: 'nobody there', kind: 'retry', says: /ECONNREFUSED/ }, 1);
    await agent.stop('SIGKILL');
    await startFront();

    const before = front.lines.length;
    await arm({ name: 'wait', status: 429, headers: { 'retry-after': '1' }, body: '{"errorcode":"SpeedQuotaExceed"}' });
    agent.launch();
    const times = () => front.lines.slice(before).flatMap(({ atMs }) => atMs ?? []);
    const waits = () => times().map((atMs) => atMs - times()[0]!);
    await front.until(() => waits().some((waitMs) => waitMs > 500));
    // What was on its way at once arrives at once; then nobody comes before the time is over, which without it would be at most half a second.
    expect(waits().filter((waitMs) => waitMs > 200 && waitMs < 1000)).toEqual([]);
    await arm({});
    await agent.untilDelivered();
    expect((await agent.stop()).code).toBe(0);
    await compare(backlog);
    await host.service.stop();
  });
});

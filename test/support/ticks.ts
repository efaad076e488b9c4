/** Traffic of which each hundredth of a second has flows of its own, so that whatever is missing says when it was sent. */
import { type RunningCommand, startProgram } from './command.ts';
import { compiled } from './compiled.ts';
import type { LogServiceProcess, StoredLog } from './log-service-process.ts';
import type { TwoHosts } from './two-hosts.ts';

const TICKS_PER_PORT = 4000;
/** What one query answers at most (log-service-process.ts); a port has two flows a tick, a few of them in two windows. */
const ROWS_MAX = 10_000;
export const TICK_SECONDS = 0.01;

export interface Tick {
  readonly packets: { readonly 4: number; readonly 6: number };
  /** Between which two moments they left, Unix seconds. */
  readonly fromSeconds: number;
  readonly toSeconds: number;
  /** Of the peer's interface, which has another each time that it is made; 0 while there is none. */
  readonly interfaceIndex: number;
}

/** Packets of both address families. */
export const total = ({ 4: v4, 6: v6 }: Tick['packets']): number => v4 + v6;

/** Packets by tick and address family, from the records of the log service. */
export type StoredTicks = ReadonlyMap<number, { 4: number; 6: number }>;

/** Sends from the peer to obs0 until it is stopped, and continues where that interface is made anew. */
export class TickSender {
  readonly #running: RunningCommand;

  constructor(hosts: TwoHosts, packetsPerTick: number) {
    const words = [compiled('send-ticks.c'), 'peer0', String(packetsPerTick)];
    this.#running = startProgram(words, { namespace: hosts.peer, openInput: true });
  }

  /** Answers what was sent; a tick is at its number. */
  async stop(): Promise<readonly Tick[]> {
    this.#running.child.stdin!.end();
    const { code, stdout, stderr } = await this.#running.ended;
    if (code !== 0) throw new Error(`the sender ended with ${code}: ${stderr}`);
    const lines = stdout.split('\n').filter((line) => line !== '');
    return lines.map((line) => {
      const [, v4 = 0, v6 = 0, fromSeconds = 0, toSeconds = 0, interfaceIndex = 0] = line.split(' ').map(Number);
      return { packets: { 4: v4, 6: v6 }, fromSeconds, toSeconds, interfaceIndex };
    });
  }
}

/** Everything that the log service has of these ticks. */
export async function storedTicks(service: LogServiceProcess, ticks: number): Promise<StoredTicks> {
  const stored = new Map<number, { 4: number; 6: number }>();
  for (let port = 0; port * TICKS_PER_PORT < ticks; port++) {
    const logs = await service.query(`dstport:${5000 + port}`);
    if (logs.length >= ROWS_MAX) throw new Error('one query does not answer all flows of a port');
    for (const log of logs) addTick(stored, port, log);
  }
  return stored;
}

/** The same of logs that are there already. */
export function ticksOf(logs: readonly StoredLog[]): StoredTicks {
  const stored = new Map<number, { 4: number; 6: number }>();
  for (const log of logs) {
    const port = Number(log['dstport']) - 5000;
    if (port >= 0) addTick(stored, port, log);
  }
  return stored;
}

function addTick(stored: Map<number, { 4: number; 6: number }>, port: number, log: StoredLog): void {
  const tick = port * TICKS_PER_PORT + Number(log['srcport']) - 1024;
  const packets = stored.get(tick) ?? { 4: 0, 6: 0 };
  packets[String(log['srcaddr']).includes(':') ? 6 : 4] += Number(log['packets']);
  stored.set(tick, packets);
}

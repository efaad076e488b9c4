/**
 * Who follows what flows now: `GET /observe`, an answer without an end, of JSON objects, one a line.
 *
 *     {"kind":"begin",...}      once: the schema, the length of a step, the interfaces
 *     {"srcaddr":...}           a flow, with the packets and bytes that it has more than in the step before
 *     {"kind":"step",...}       the step is complete: how many flows it has, and what is not in it
 *     {"kind":"dropped",...}    steps that this follower did not get, because it read too slowly
 *
 * All share one reading, in the recorder's thread (threads/live-reading.ts), which begins with the first of them and ends with the last. A follower holds
 * at most `PENDING_BYTES_MAX` and one step more; while it holds more than that, steps are dropped and counted for it. One that reads
 * nothing at all for `STALLED_MS` is disconnected.
 */
import type { ServerResponse } from 'node:http';
import type { MessagePort } from 'node:worker_threads';
import { LIVE_STEP_MS, type LiveRequest, type LiveStep } from '../model/live-feed.ts';
import type { InterfaceStatus } from '../telemetry/agent-status.ts';
import { visible } from '../terminal/visible-text.ts';

export const OBSERVE_PATH = '/observe';
/** Goes up when a member changes its meaning or goes away. */
export const OBSERVE_SCHEMA = 1;
export const FOLLOWERS_MAX = 8;
export const PENDING_BYTES_MAX = 1024 * 1024;
const STALLED_MS = 60_000;
const TYPE = 'application/x-ndjson; charset=utf-8';

/** An interface that is observed. */
export type FollowedInterface = Pick<InterfaceStatus, 'interface' | 'interfaceId' | 'flowLogId'>;

export class LiveFollowers {
  readonly #port: Pick<MessagePort, 'postMessage' | 'on' | 'close' | 'unref'>;
  readonly #interfaces: () => readonly FollowedInterface[];
  readonly #followers = new Set<Follower>();

  constructor(port: MessagePort, interfaces: () => readonly FollowedInterface[]) {
    this.#port = port;
    this.#interfaces = interfaces;
    port.on('message', (step: LiveStep) => this.#send(step));
    port.unref();
  }

  get size(): number {
    return this.#followers.size;
  }

  /** False, and nothing, where no place is free. */
  add(to: ServerResponse): boolean {
    if (this.#followers.size >= FOLLOWERS_MAX) return false;
    const follower = new Follower(to);
    this.#followers.add(follower);
    to.once('close', () => this.#remove(follower));
    to.on('error', () => this.#remove(follower));
    const interfaces = this.#interfaces().map(({ interface: name, interfaceId: id, flowLogId }) => ({
      ...{ name, id },
      flow_log: flowLogId,
    }));
    follower.begin({ kind: 'begin', schema: OBSERVE_SCHEMA, step_ms: LIVE_STEP_MS, interfaces });
    if (this.#followers.size === 1) this.#ask('begin');
    return true;
  }

  close(): void {
    this.#port.close();
  }

  #remove(follower: Follower): void {
    if (this.#followers.delete(follower) && this.#followers.size === 0) this.#ask('end');
  }

  #ask(kind: LiveRequest['kind']): void {
    this.#port.postMessage({ kind } satisfies LiveRequest);
  }

  #send({ rows, numbers }: LiveStep): void {
    const { flows, deferred, omittedFlows, omittedPackets, unsettled, unreadWindows, milliseconds } = numbers;
    const end = {
      ...{ kind: 'step', flows, deferred, unsettled },
      ...{ omitted_flows: omittedFlows, omitted_packets: omittedPackets, unread_windows: unreadWindows },
      milliseconds,
    };
    const bytes = Buffer.concat([rows, Buffer.from(lineOf(end))]);
    for (const follower of this.#followers) follower.send(bytes, flows);
  }
}

class Follower {
  readonly #to: ServerResponse;
  #droppedSteps = 0;
  #droppedFlows = 0;

  constructor(to: ServerResponse) {
    this.#to = to;
  }

  begin(line: object): void {
    const to = this.#to;
    to.socket?.setTimeout(STALLED_MS);
    to.writeHead(200, { 'Content-Type': TYPE });
    to.write(lineOf(line));
  }

  send(step: Uint8Array, flows: number): void {
    const to = this.#to;
    if (to.writableLength > PENDING_BYTES_MAX) {
      this.#droppedSteps += 1;
      this.#droppedFlows += flows;
      return;
    }
    if (this.#droppedSteps > 0) {
      to.write(lineOf({ kind: 'dropped', steps: this.#droppedSteps, flows: this.#droppedFlows }));
      this.#droppedSteps = 0;
      this.#droppedFlows = 0;
    }
    to.write(step);
  }
}

function lineOf(value: object): string {
  return `${visible(JSON.stringify(value))}\n`;
}

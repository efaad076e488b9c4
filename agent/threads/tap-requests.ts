import type { MessagePort } from 'node:worker_threads';
import type { ObservationPoint } from '../model/flow-log.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { DataPlaneMessage, TapRequest } from './data-plane.ts';
import type { TapSetup } from './tap-manager.ts';
import type { WakeEvent } from './waking.ts';

type Answer = Extract<DataPlaneMessage, { kind: 'answered' }>;
/** Without its number. */
type Wish = TapRequest extends infer Each ? (Each extends TapRequest ? Omit<Each, 'id'> : never) : never;

/** Asks a running data plane for taps; it wakes for each request. */
export class TapRequests {
  readonly #port: MessagePort;
  readonly #wake: WakeEvent;
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #lastId = 0;
  #isClosed = false;

  /** @param port the control plane's end of `DataPlanePorts.requests` */
  constructor(port: MessagePort, wake: WakeEvent) {
    this.#port = port;
    this.#wake = wake;
  }

  /** Answers when the interface is captured. @throws OperationalError when it cannot be */
  observe(tap: TapSetup): Promise<void> {
    return this.#ask({ kind: 'observe', tap });
  }

  /** Answers when the point continues with the windows of this. */
  change(tap: TapSetup): Promise<void> {
    return this.#ask({ kind: 'change', tap });
  }

  /** Answers when the windows of the point are with the recorder. */
  leave(point: ObservationPoint): Promise<void> {
    return this.#ask({ kind: 'leave', point });
  }

  answered(answer: Answer): void {
    this.#waiting.get(answer.id)?.(answer);
  }

  /** The data plane has ended: what was asked for and not answered is not done. */
  close(): void {
    this.#isClosed = true;
    for (const settle of this.#waiting.values()) settle(undefined);
    this.#port.close();
    this.#wake.close();
  }

  async #ask(wish: Wish): Promise<void> {
    const answer = this.#isClosed ? undefined : await this.#answerTo(wish);
    if (answer === undefined) {
      throw new OperationalError('agent.unreachable', 'Changing what is captured failed: the agent is ending.');
    }
    if (answer.refusal !== undefined) throw new OperationalError(answer.refusal.code, answer.refusal.message);
  }

  #answerTo(wish: Wish): Promise<Answer | undefined> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, (answer) => {
        this.#waiting.delete(id);
        resolve(answer);
      });
      this.#port.postMessage({ ...wish, id });
      this.#wake.raise();
    });
  }
}

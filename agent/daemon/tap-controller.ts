import type { Observer } from '../flow-logs/observed-taps.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { StatusCollector } from '../telemetry/status-collector.ts';
import type { TapSetup } from '../threads/tap-manager.ts';
import type { TapRequests } from '../threads/tap-requests.ts';

/** The taps of a running data plane, and what the status tells of them. */
export class TapController implements Observer {
  readonly #taps: TapRequests;
  readonly #status: StatusCollector;
  readonly #followsConnections: boolean;

  /** @param startPoints what was observed from the start */
  constructor(taps: TapRequests, status: StatusCollector, startPoints: readonly ObservationPoint[]) {
    this.#taps = taps;
    this.#status = status;
    this.#followsConnections = startPoints.some(({ flowLog }) => flowLog.resourceType === 'NAT');
  }

  observe(tap: TapSetup): Promise<void> {
    return this.#begin(tap, () => this.#taps.observe(tap));
  }

  change(tap: TapSetup): Promise<void> {
    this.#status.forget(tap.point);
    return this.#begin(tap, () => this.#taps.change(tap));
  }

  missed(packets: number): void {
    this.#status.missedInterface(packets);
  }

  async leave(point: ObservationPoint): Promise<void> {
    await this.#taps.leave(point);
    this.#status.forget(point);
  }

  /** The status has the point before the first event of it comes. */
  async #begin(tap: TapSetup, ask: () => Promise<void>): Promise<void> {
    this.#requireConnections(tap.point);
    this.#status.add(tap.point);
    try {
      await ask();
    } catch (error) {
      this.#status.forget(tap.point);
      throw error;
    }
  }

  /** The capability that it takes was dropped at the start where it was not needed. */
  #requireConnections({ flowLog, interfaceName }: ObservationPoint): void {
    if (flowLog.resourceType !== 'NAT' || this.#followsConnections) return;
    throw new OperationalError(
      'flow-log.refused',
      `Observing ${interfaceName} for the flow log ${flowLog.id} failed: connection tracking requires a flow log of type NAT at start; ` +
        'declare it in the configuration file and restart flowlogd.',
    );
  }
}

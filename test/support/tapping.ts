/** One tap on a fake engine, and what it tells and closes. */

import type { Clocks } from '../../agent/meter/clock-watch.ts';
import type { MeterOptions } from '../../agent/meter/meter.ts';
import { Tap, type TapOptions } from '../../agent/meter/tap.ts';
import type { TapEvent } from '../../agent/meter/tap-event.ts';
import type { WindowJournal } from '../../agent/meter/window-journal.ts';
import type { PersistedFiles } from '../../agent/model/closed-window.ts';
import { FLOW_LOG_DEFAULTS, type ObservationPoint } from '../../agent/model/flow-log.ts';
import { FakeEngine } from './fake-engine.ts';
import { type ClosedCopy, copyOf, meterOptions } from './metering.ts';
import { emptyBatch } from './packet-batch.ts';

export interface Clock {
  /** Unix seconds. */
  seconds: number;
  /** Of these, how many the machine slept, and how many the clock was set forward. */
  sleptSeconds?: number;
  setSeconds?: number;
}

export class TappedInterface {
  readonly engine: FakeEngine;
  readonly clock: Clock;
  readonly closed: ClosedCopy[] = [];
  /** Of the closed windows. */
  readonly files: (PersistedFiles | undefined)[] = [];
  readonly events: TapEvent[] = [];
  readonly tap: Tap;
  readonly batch = emptyBatch();

  constructor(
    options: {
      readonly engine?: FakeEngine;
      readonly clock?: Clock;
      readonly interfaceName?: string;
      readonly windowSeconds?: number;
      readonly fields?: readonly string[];
      readonly meter?: Partial<MeterOptions>;
      /** For the point `POINT` of closed-windows.ts. */
      readonly journal?: WindowJournal;
      readonly appearedAtSeconds?: number;
      readonly packetsOf?: TapOptions['packetsOf'];
      readonly onFigures?: TapOptions['onFigures'];
    } = {},
  ) {
    const { engine = new FakeEngine(), clock = { seconds: 0 }, interfaceName = 'eth0', windowSeconds = 60 } = options;
    const { fields = FLOW_LOG_DEFAULTS.fields } = options;
    this.engine = engine;
    this.clock = clock;
    const flowLog = { ...FLOW_LOG_DEFAULTS, id: 'fl-1', accountId: '1', windowSeconds, fields };
    const point: ObservationPoint = { flowLog, interfaceId: 'eni-1', interfaceName };
    this.tap = new Tap({
      point,
      capture: { interfaceName, snapBytes: 128, bufferBytes: 1 << 20, promiscuous: false, filter: '' },
      engine,
      meter: { ...meterOptions(), ...options.meter },
      now: () => clock.seconds * 1000,
      clocks: () => clocksAt(clock),
      journal: options.journal,
      appearedAtSeconds: options.appearedAtSeconds,
      packetsOf: options.packetsOf,
      ...(options.onFigures && { onFigures: options.onFigures }),
      onClosed: (_, window, files) => {
        this.files.push(files);
        this.closed.push(copyOf(window));
        window.release();
      },
      onEvent: (_, event) => this.events.push(event),
    });
  }

  /** What the data plane does in a round, at this time, with windows due a second after their end. */
  async round(seconds: number): Promise<void> {
    this.clock.seconds = seconds;
    this.tap.closeBefore(Math.floor(seconds) - 1, await this.tap.drain(this.batch));
  }

  get starts(): number[] {
    return this.closed.map(({ start }) => start);
  }
}

function clocksAt({ seconds, sleptSeconds = 0, setSeconds = 0 }: Clock): Clocks {
  const bootMs = (seconds - setSeconds) * 1000;
  return { wallMs: seconds * 1000, awakeMs: bootMs - sleptSeconds * 1000, bootMs };
}

/** A kind of sink that only tests have: writes a line for each batch to a TCP port. Everything that a new kind needs is here. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { sinkKind } from '../../agent/export/sink-kind.ts';
import type { ProbeOutcome, SendOutcome, Sink, SinkLimits } from '../../agent/model/sink.ts';
import { integer } from '../../agent/options/kinds.ts';
import { option, required, section } from '../../agent/options/option.ts';
import { FlowBatchReader } from '../../agent/wire/flow-batch-reader.ts';
import { identityOf } from './spool-batches.ts';

interface LinesOptions {
  readonly port: number;
  readonly recordsMax: number;
}

export const LINES = sinkKind({
  kind: 'lines',
  section: section('A TCP port that takes lines.', {
    port: required(integer(1, 65_535), { description: 'On loopback.', example: '5140' }),
    recordsMax: option(integer(1, 4096), '4096', { description: 'Records of one line at most.' }),
  }),
  check(section) {
    if (section.value('port') === 80) section.problemAt('port', 'that is the port of the web');
  },
  read: ({ port, recordsMax }): LinesOptions => ({ port, recordsMax }),
  create: async (options) => new LinesSink(options),
  describe: ({ port }) => `lines to port ${port}`,
  storage: ({ port }) => ({ service: `127.0.0.1:${port}` }),
  url: {
    example: 'lines://127.0.0.1:5140',
    help: '',
    read: ({ protocol, port }) => (protocol === 'lines:' ? { port: Number(port), recordsMax: 4096 } : undefined),
  },
});

class LinesSink implements Sink {
  readonly description: string;
  readonly limits: SinkLimits;
  readonly #port: number;

  constructor({ port, recordsMax }: LinesOptions) {
    this.description = `lines to port ${port}`;
    this.limits = { records: recordsMax, bytes: Number.POSITIVE_INFINITY, inFlight: 1 };
    this.#port = port;
  }

  /** Nothing answers on the other side. */
  async send(batch: Uint8Array): Promise<SendOutcome> {
    const outcome = await this.#write(`${identityOf(batch)} ${new FlowBatchReader(batch).records}\n`);
    return outcome.kind === 'accepted' ? { kind: 'sent' } : outcome;
  }

  probe(): Promise<ProbeOutcome> {
    return this.#write('');
  }

  async close(): Promise<void> {}

  async #write(text: string): Promise<ProbeOutcome> {
    const socket = connect(this.#port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      socket.end(text);
      await once(socket, 'close');
      return { kind: 'accepted' };
    } catch (error) {
      return { kind: 'retry', reason: (error as Error).message };
    } finally {
      socket.destroy();
    }
  }
}

/** Writes batches of the spool as records or as they are, into a file, a folder or standard output; reads only. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Invocation } from '../cli/command.ts';
import type { BatchHeader } from '../model/batch-id.ts';
import { createLedger } from '../model/ledger.ts';
import { OperationalError } from '../model/operational-error.ts';
import {
  type ByteDestination,
  binaryDestination,
  fileDestination,
  textDestination,
} from '../output/byte-destination.ts';
import { createPrinter, PrintedOutput } from '../output/printed-output.ts';
import type { Disk } from '../spool/disk.ts';
import { contentOf, type SpoolFile } from '../spool/spool-listing.ts';
import { isPiece } from '../spool/spool-name.ts';
import { lengthPrefix } from '../wire/flow-batch.ts';
import { FlowBatchReader } from '../wire/flow-batch-reader.ts';

const FORMATS = ['ndjson', 'text', 'batch'] as const;
type Format = (typeof FORMATS)[number];

/** Answers whether all of them could be read; what cannot is reported on standard error. @throws OperationalError `output.failed` */
export async function exportBatches(invocation: Invocation, disk: Disk, files: readonly SpoolFile[]): Promise<boolean> {
  const format = invocation.choice('format', FORMATS);
  const path = invocation.required('output');
  const { stdout, stderr } = invocation;
  if (format === 'batch' && path === '-' && stdout.isTTY) {
    throw new OperationalError(
      'usage.invalid',
      'spool: --format batch is binary and is not written to a terminal; name a file with --output, or use a pipe',
    );
  }
  const standardDestination = format === 'batch' ? binaryDestination : textDestination;
  const isFolder = path !== '-' && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const common = isFolder
    ? undefined
    : new BatchWriter(format, path === '-' ? standardDestination(stdout) : fileDestination(path));
  let isComplete = true;
  for (const file of once(files)) {
    if (invocation.signal.aborted) break;
    try {
      const batch = contentOf(disk, file);
      // Delivered meanwhile.
      if (batch === undefined) continue;
      const writer =
        common ?? new BatchWriter(format, fileDestination(join(path, `${file.sink}-${file.batch}.${format}`)));
      await writer.write(batch);
      if (common === undefined) writer.end();
    } catch (error) {
      if (!(error instanceof OperationalError) || error.code === 'output.failed') throw error;
      stderr.writeMessage(error.message);
      isComplete = false;
    }
  }
  common?.end();
  return isComplete;
}

/** A whole batch that several sinks owe is one batch. */
function once(files: readonly SpoolFile[]): readonly SpoolFile[] {
  const seen = new Set<string>();
  return files.filter(({ batch, isQuarantined }) => {
    if (isPiece(batch) || isQuarantined) return true;
    return !seen.has(batch) && seen.add(batch) !== undefined;
  });
}

class BatchWriter {
  readonly #format: Format;
  readonly #destination: ByteDestination;
  /** Of the rows that were printed last: other fields get a header of their own. */
  #columns: string | undefined;

  constructor(format: Format, destination: ByteDestination) {
    this.#format = format;
    this.#destination = destination;
  }

  async write(batch: Uint8Array): Promise<void> {
    const reader = new FlowBatchReader(batch);
    if (this.#format !== 'batch') return this.#print(this.#format, reader);
    await this.#destination.write(Uint8Array.from(lengthPrefix(batch.length)));
    await this.#destination.write(batch);
  }

  end(): void {
    this.#destination.end();
  }

  async #print(format: 'ndjson' | 'text', reader: FlowBatchReader): Promise<void> {
    const { header } = reader;
    const printer = createPrinter(format, header);
    const columns = columnsKey(header);
    const output = new PrintedOutput(
      printer,
      header,
      this.#destination,
      columns === this.#columns ? '' : printer.header,
    );
    this.#columns = columns;
    await output.write({ start: header.windowStart, ledger: reader.ledger ?? createLedger([]), records: () => reader });
  }
}

function columnsKey({ resourceType, fields }: BatchHeader): string {
  return [resourceType, ...fields].join(' ');
}

/**
 * libpcap through our own addon, live and from savefiles, save that pcapng without a filter is read by pcapng.ts: libpcap stops
 * where the interfaces of a file differ.
 */

import { OperationalError } from '../../model/operational-error.ts';
import type { PacketBatch } from '../../model/packet-batch.ts';
import { FRAME_BYTES_MAX } from '../../model/packet-batch.ts';
import type {
  CaptureStatistics,
  LiveEngine,
  PacketSource,
  ReadStatus,
  SavefileEngine,
  SavefileOptions,
} from '../../model/packet-source.ts';
import { READ } from '../../model/packet-source.ts';
import type { CaptureAddon, CaptureHandle } from '../../native/addon.ts';
import { READ_END, READ_FAILED } from '../../native/addon.ts';
import { AddonEngine } from '../addon-engine.ts';
import { badFilter } from '../bad-filter.ts';
import { type ByteSource, damagedAfter, displayName, SAVEFILE_STATISTICS } from '../byte-source.ts';
import { openThroughLibpcap } from '../libpcap-capture.ts';
import { codeOf, textOf } from '../live-refusal.ts';
import { openPcapng, PCAPNG_MAGIC } from '../pcapng.ts';

/** What a failed open of a savefile means. */
function savefileError(options: SavefileOptions, error: unknown): OperationalError {
  const name = displayName(options.path);
  const text = textOf(error);
  switch (codeOf(error)) {
    case 'PCAP_FILTER':
      return badFilter(name, options.filter, error);
    case 'PCAP_FORMAT':
      if (/^error reading dump file/.test(text)) break;
      return new OperationalError(
        'savefile.format',
        `Reading ${name} failed, it is not a capture file that libpcap knows (pcap or pcapng): ${text}. Compressed files need ` +
          '--engine savefile.',
        error,
      );
  }
  return new OperationalError(
    'savefile.unreadable',
    `Reading ${name} failed: ${text.replace(/^(opening|reading) a savefile: /, '')}.`,
    error,
  );
}

/** A pcapng of several kinds of interface is whole, but libpcap gives each capture one link type and one snapshot length. */
const NOT_ONE_KIND = /different from the (type|snapshot length)/;

/** One savefile, whole frames: a record in the batch is exactly the record in the file. */
class SavefileSource implements PacketSource {
  readonly name: string;
  readonly linkType: number;
  failure: OperationalError | undefined;
  readonly #addon: CaptureAddon;
  readonly #handle: CaptureHandle;
  #packets = 0;

  constructor(addon: CaptureAddon, handle: CaptureHandle, path: string) {
    this.#addon = addon;
    this.#handle = handle;
    this.name = path;
    this.linkType = addon.describe(handle).linkType;
  }

  read(batch: PacketBatch): ReadStatus {
    batch.count = 0;
    batch.frames = undefined;
    if (this.failure !== undefined) return READ.failed;
    const count = this.#addon.readBatch(this.#handle, batch.view, FRAME_BYTES_MAX, 0);
    if (count === READ_END) return READ.end;
    if (count === READ_FAILED) return this.#fail(this.#addon.errorText(this.#handle));
    this.#packets += count;
    batch.count = count;
    return READ.packets;
  }

  #fail(text: string): ReadStatus {
    this.failure = NOT_ONE_KIND.test(text)
      ? new OperationalError(
          'savefile.format',
          `Reading ${displayName(this.name)} with a filter stopped after ${this.#packets} packets, a filter is for one kind of interface ` +
            `per file (${text}): read it without --filter.`,
        )
      : damagedAfter(this.name, this.#packets, text);
    return READ.failed;
  }

  statistics(): CaptureStatistics {
    return SAVEFILE_STATISTICS;
  }

  close(): void {
    this.#addon.close(this.#handle);
  }
}

export function createLibpcapEngine(addon: CaptureAddon, awakeMs = () => performance.now()): LiveEngine {
  return new AddonEngine('libpcap', addon, (options) => openThroughLibpcap(addon, options), awakeMs);
}

/** The bytes of a file that libpcap does not take over. */
function bytesOf(addon: CaptureAddon, file: CaptureHandle): ByteSource {
  return {
    read: (buffer, offset, length) => addon.readBytes(file, buffer.subarray(offset, offset + length)),
    close: () => addon.close(file),
  };
}

function startSavefile(addon: CaptureAddon, file: CaptureHandle, options: SavefileOptions) {
  /* No classic capture begins with this byte; of a pipe, no more than one can be looked at and left there. */
  if (options.filter === '' && addon.firstByte(file) === PCAPNG_MAGIC[0]) {
    return openPcapng(options.path, bytesOf(addon, file));
  }
  addon.startSavefile(file, options.filter);
  return new SavefileSource(addon, file, options.path);
}

export function createLibpcapSavefileEngine(addon: CaptureAddon): SavefileEngine {
  return {
    name: 'libpcap',
    async open(options) {
      let file: CaptureHandle | undefined;
      try {
        file = addon.openFile(options.path);
        return await startSavefile(addon, file, options);
      } catch (error) {
        if (file !== undefined) addon.close(file);
        throw error instanceof OperationalError ? error : savefileError(options, error);
      }
    },
  };
}

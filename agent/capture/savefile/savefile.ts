/**
 * The engine that reads capture files by itself, with nothing native: classic pcap (pcap.ts) and pcapng (pcapng.ts). Memory is one
 * buffer of the longest packet and a piece of the file, whatever the file says.
 */
import { OperationalError } from '../../model/operational-error.ts';
import type { PacketSource, SavefileEngine, SavefileOptions } from '../../model/packet-source.ts';
import { loadCaptureAddon } from '../../native/addon.ts';
import { type ByteSource, displayName, openBytes, peek, readingFailure, unreadable } from '../byte-source.ts';
import { FILE_HEADER_BYTES, PACKET_BYTES_MAX, PcapFormat, readPcapHeader } from '../pcap.ts';
import { openPcapng, PCAPNG_MAGIC } from '../pcapng.ts';
import { SavefileInput, SavefileSource } from '../savefile-input.ts';
import { CODING_BYTES, codingOf } from './coding.ts';
import { FilteredSource } from './filter.ts';

/** As much as says what a file is. */
const HEAD_BYTES = Math.max(CODING_BYTES, PCAPNG_MAGIC.length);

/** @throws OperationalError `savefile.format`, or what the file system says */
async function openPcap({ path, places }: SavefileOptions, bytes: ByteSource): Promise<SavefileSource> {
  const input = new SavefileInput(bytes, PACKET_BYTES_MAX, places);
  await input.fillTo(FILE_HEADER_BYTES);
  const header = readPcapHeader(input.view, input.end);
  if (typeof header === 'string') {
    throw new OperationalError('savefile.format', `Reading ${displayName(path)} failed, ${header}.`);
  }
  input.start = FILE_HEADER_BYTES;
  return new SavefileSource(path, input, new PcapFormat(input, header, places?.walkPcap));
}

/** The packets that the filter accepts. @throws OperationalError `capture.engine-missing` where libpcap cannot be loaded */
function filtered({ filter }: SavefileOptions, source: SavefileSource): PacketSource {
  if (filter === '') return source;
  try {
    return new FilteredSource(source, filter, loadCaptureAddon());
  } catch (error) {
    throw new OperationalError(
      'capture.engine-missing',
      `The filter "${filter}" cannot be applied without libpcap, which compiles it. ${(error as Error).message}`,
      error,
    );
  }
}

async function openSavefile(options: SavefileOptions, openFile: typeof openBytes): Promise<PacketSource> {
  let bytes: ByteSource;
  try {
    bytes = await openFile(options.path);
  } catch (error) {
    throw unreadable(options.path, error);
  }
  try {
    let { head, bytes: inner } = await peek(bytes, HEAD_BYTES);
    const coding = codingOf(head);
    if (coding !== undefined) {
      const { decompressed } = await import('./decompression.ts');
      bytes = decompressed(options.path, inner, coding);
      ({ head, bytes: inner } = await peek(bytes, HEAD_BYTES));
    }
    const isPcapng = head.subarray(0, PCAPNG_MAGIC.length).equals(PCAPNG_MAGIC);
    if (isPcapng) return filtered(options, await openPcapng(options.path, inner, options.places));
    const source = filtered(options, await openPcap(options, inner));
    if (source instanceof FilteredSource) source.prepare();
    return source;
  } catch (error) {
    bytes.close();
    throw readingFailure(options.path, 0, error);
  }
}

/** `openFile` is where its bytes come from: the file system, unless a test says otherwise. */
export function createSavefileEngine(openFile = openBytes): SavefileEngine {
  return { name: 'savefile', open: (options) => openSavefile(options, openFile) };
}

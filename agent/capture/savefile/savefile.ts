/**
 * The engine that reads capture files by itself, with nothing native: classic pcap (pcap.ts) and pcapng (pcapng.ts). Memory is one
 * buffer of the longest packet and a piece of the file, whatever the file says.
 */
import { OperationalError } from '../../model/operational-error.ts';
import type { PacketSource, SavefileEngine, SavefileOptions } from '../../model/packet-source.ts';
import { type ByteSource, displayName, openBytes, peek, unreadable } from '../byte-source.ts';
import { openPcapng, PCAPNG_MAGIC } from '../pcapng.ts';
import { SavefileInput, SavefileSource } from '../savefile-input.ts';
import { FILE_HEADER_BYTES, PACKET_BYTES_MAX, PcapFormat, readPcapHeader } from './pcap.ts';

const MAGIC_BYTES = 4;

/** @throws OperationalError `savefile.format`, or what the file system says */
async function openPcap(path: string, bytes: ByteSource): Promise<PacketSource> {
  const input = new SavefileInput(bytes, PACKET_BYTES_MAX);
  await input.fillTo(FILE_HEADER_BYTES);
  const header = readPcapHeader(input.view, input.end);
  if (typeof header === 'string') {
    throw new OperationalError('savefile.format', `Reading ${displayName(path)} failed, ${header}.`);
  }
  input.start = FILE_HEADER_BYTES;
  return new SavefileSource(path, input, new PcapFormat(input, header));
}

async function openSavefile(options: SavefileOptions, openFile: typeof openBytes): Promise<PacketSource> {
  if (options.filter !== '') {
    throw new OperationalError(
      'capture.filter',
      `The filter "${options.filter}" cannot be applied, the savefile engine has no pcap-filter(7): use --engine libpcap.`,
    );
  }
  let bytes: ByteSource;
  let head: Buffer;
  try {
    bytes = await openFile(options.path);
  } catch (error) {
    throw unreadable(options.path, error);
  }
  try {
    ({ head, bytes } = await peek(bytes, MAGIC_BYTES));
    if (head.equals(PCAPNG_MAGIC)) return await openPcapng(options.path, bytes);
    return await openPcap(options.path, bytes);
  } catch (error) {
    bytes.close();
    throw error instanceof OperationalError ? error : unreadable(options.path, error);
  }
}

/** `openFile` is where its bytes come from: the file system, unless a test says otherwise. */
export function createSavefileEngine(openFile = openBytes): SavefileEngine {
  return { name: 'savefile', open: (options) => openSavefile(options, openFile) };
}

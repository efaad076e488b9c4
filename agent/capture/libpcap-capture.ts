/** How libpcap opens a device. */
import type { LiveOptions } from '../model/packet-source.ts';
import type { CaptureAddon, CaptureHandle } from '../native/addon.ts';
import { RETIRE_TIMEOUT_MS } from './live-source.ts';

/** Cooked capture with the interface index in it, for the device `any`; the first version says less. */
export const DLT_LINUX_SLL2 = 276;

/** What libpcap reads of a netlink socket at once, in which the kernel puts several packets: cut, it would lose all but the first. */
const NFLOG_READ_BYTES = 65_535;
/** How long the kernel may hold back logged packets: a wake-up for several, and long over when their window closes. */
const NFLOG_FLUSH_CENTISECONDS = 2;
const NFLOG_DEVICE = /^nflog:(\d+)$/;

/** The group of an NFLOG device, which is no interface. */
function nflogGroup(device: string): number | undefined {
  const [, group] = NFLOG_DEVICE.exec(device) ?? [];
  return group === undefined ? undefined : Number(group);
}

/** @throws Error as `CaptureAddon.openLive` does */
export function openThroughLibpcap(addon: CaptureAddon, options: LiveOptions): CaptureHandle {
  const group = nflogGroup(options.interfaceName);
  let handle: CaptureHandle | undefined;
  try {
    handle = addon.openLive({
      device: options.interfaceName,
      snapBytes: group === undefined ? options.snapBytes : NFLOG_READ_BYTES,
      bufferBytes: options.bufferBytes,
      timeoutMs: RETIRE_TIMEOUT_MS,
      immediate: false,
      promiscuous: options.promiscuous,
      filter: options.filter,
      dataLink: options.interfaceName === 'any' ? DLT_LINUX_SLL2 : -1,
    });
    if (group !== undefined) {
      addon.tuneNflog(handle, group, options.snapBytes, NFLOG_FLUSH_CENTISECONDS, options.bufferBytes);
    }
    return handle;
  } catch (error) {
    if (handle !== undefined) addon.close(handle);
    throw error;
  }
}

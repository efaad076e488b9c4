/**
 * Packet rings of our own on interfaces of the kernel's: what libpcap does there between the kernel and a batch, done once per
 * block. Whatever no ring of ours is for (NFLOG, USB, rare kinds of links, a filter that the kernel's cannot run) is captured
 * through libpcap, with the same records.
 */
import type { LiveEngine, LiveOptions } from '../../model/packet-source.ts';
import type { CaptureAddon, CaptureHandle } from '../../native/addon.ts';
import { AddonEngine } from '../addon-engine.ts';
import { DLT_LINUX_SLL2, openThroughLibpcap } from '../libpcap-capture.ts';
import { codeOf, noWireCounts, textOf } from '../live-refusal.ts';
import { RETIRE_TIMEOUT_MS } from '../live-source.ts';
import { blockBytesOf } from './block-size.ts';

/** Devices that are no network interfaces; libpcap knows them by these names. */
const NO_INTERFACE = /^(nflog|nfqueue|usbmon|bluetooth|dbus-)/;

function openRing(addon: CaptureAddon, options: LiveOptions): CaptureHandle {
  if (NO_INTERFACE.test(options.interfaceName))
    return openWithoutRing(addon, options, new Error('it is no network interface'));
  const blockBytes = blockBytesOf(options);
  try {
    return addon.openRing(
      {
        device: options.interfaceName,
        snapBytes: options.snapBytes,
        bufferBytes: Math.max(options.bufferBytes, blockBytes),
        timeoutMs: RETIRE_TIMEOUT_MS,
        immediate: false,
        promiscuous: options.promiscuous,
        filter: options.filter,
        dataLink: options.interfaceName === 'any' ? DLT_LINUX_SLL2 : -1,
      },
      blockBytes,
      options.tellsSegments === true,
    );
  } catch (error) {
    if (codeOf(error) === 'RING_UNSUPPORTED') return openWithoutRing(addon, options, error);
    throw error;
  }
}

/** @throws OperationalError `config.invalid` for who asks for what only a ring can tell */
function openWithoutRing(addon: CaptureAddon, options: LiveOptions, why: unknown): CaptureHandle {
  if (options.tellsSegments === true) throw noWireCounts(options.interfaceName, textOf(why), why);
  return openThroughLibpcap(addon, options);
}

export function createRingEngine(addon: CaptureAddon, awakeMs = () => performance.now()): LiveEngine {
  return new AddonEngine('ring', addon, (options) => openRing(addon, options), awakeMs);
}

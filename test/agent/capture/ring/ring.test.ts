import { describe, expect, test } from 'vitest';
import { createRingEngine } from '../../../../agent/capture/ring/ring.ts';
import type { LiveOptions } from '../../../../agent/model/packet-source.ts';
import { type CaptureAddon, type CaptureHandle, loadCaptureAddon } from '../../../../agent/native/addon.ts';

const OPTIONS: LiveOptions = {
  interfaceName: 'eth9',
  snapBytes: 128,
  bufferBytes: 64 << 20,
  promiscuous: true,
  filter: 'tcp',
};

/** Says which opens it was asked for; a ring is refused with the code that a test gives. */
function askedFor(options: Partial<LiveOptions>, refusal?: string): { asked: unknown[]; error: unknown } {
  const asked: unknown[] = [];
  const addon: CaptureAddon = {
    ...loadCaptureAddon(),
    interfaceIndex: () => 7,
    isInterfaceUp: () => true,
    describe: () => ({ linkType: 1, linkTypeName: 'EN10MB', snapshot: 128, nanosecond: true }),
    tuneNflog: () => undefined,
    openLive: ({ device }) => {
      asked.push(['libpcap', device]);
      return {} as CaptureHandle;
    },
    openRing: ({ device, bufferBytes, dataLink }, blockBytes, tellsSegments) => {
      asked.push(['ring', device, bufferBytes, blockBytes, dataLink, ...(tellsSegments ? ['segments'] : [])]);
      if (refusal !== undefined) throw Object.assign(new Error('bind: out of luck'), { code: refusal });
      return {} as CaptureHandle;
    },
  };
  try {
    createRingEngine(addon).open({ ...OPTIONS, ...options });
    return { asked, error: undefined };
  } catch (error) {
    return { asked, error };
  }
}

describe('the ring engine', () => {
  test('opens a ring in blocks of 256 KiB, on any with the second cooked format', () => {
    expect(askedFor({}).asked).toEqual([['ring', 'eth9', 64 << 20, 1 << 18, -1]]);
    expect(askedFor({ interfaceName: 'any' }).asked).toEqual([['ring', 'any', 64 << 20, 1 << 18, 276]]);
  });

  test.each([
    [1 << 20, 128, 1 << 18, 1 << 20],
    [4 << 20, 128, 1 << 18, 4 << 20],
    [3_000_000, 128, 1 << 18, 3_000_000],
    [1 << 18, 128, 1 << 16, 1 << 18],
    [1 << 20, 65_535, 1 << 18, 1 << 20],
    [1 << 20, 262_144, 1 << 19, 1 << 20],
    [1 << 18, 262_144, 1 << 19, 1 << 19],
  ])('has in %i bytes for frames of %i blocks of %i', (bufferBytes, snapBytes, blockBytes, ringBytes) => {
    expect(askedFor({ bufferBytes, snapBytes }).asked).toEqual([['ring', 'eth9', ringBytes, blockBytes, -1]]);
  });

  test('leaves to libpcap what is no network interface, and what no ring is for', () => {
    for (const name of ['nflog:5', 'usbmon0', 'nfqueue', 'bluetooth0', 'dbus-system']) {
      expect(askedFor({ interfaceName: name })).toEqual({ asked: [['libpcap', name]], error: undefined });
    }
    expect(askedFor({}, 'RING_UNSUPPORTED')).toMatchObject({
      asked: [
        ['ring', 'eth9', 64 << 20, 1 << 18, -1],
        ['libpcap', 'eth9'],
      ],
      error: undefined,
    });
  });

  test('tells segments where it is asked to, and leaves nothing to libpcap then', () => {
    const ring = ['ring', 'eth9', 64 << 20, 1 << 18, -1, 'segments'];
    expect(askedFor({ tellsSegments: true })).toEqual({ asked: [ring], error: undefined });
    const sentence =
      'Counting on eth9 as on the wire failed, no packet ring can tell the segments there (bind: out of luck): ';
    const { asked, error } = askedFor({ tellsSegments: true }, 'RING_UNSUPPORTED');
    expect(asked).toEqual([ring]);
    expect(error).toMatchObject({ code: 'config.invalid', message: expect.stringContaining(sentence) });
    expect(askedFor({ tellsSegments: true, interfaceName: 'usbmon0' })).toMatchObject({
      asked: [],
      error: { code: 'config.invalid', message: expect.stringContaining('it is no network interface') },
    });
  });

  test.each([
    ['PCAP_ERROR_IFACE_NOT_UP', 'capture.no-interface', 'ip link set eth9 up'],
    ['PCAP_ERROR_PERM_DENIED', 'capture.permission', 'CAP_NET_RAW'],
    ['PCAP_FILTER', 'capture.filter', '"tcp"'],
    ['PCAP_ERROR', 'capture.failed', 'out of luck'],
  ])('says what %s means, in the words of the libpcap engine', (refusal, code, words) => {
    const { asked, error } = askedFor({}, refusal);
    expect(asked).toHaveLength(1);
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
  });
});

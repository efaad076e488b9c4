import { describe, expect, test } from 'vitest';
import type { NetlinkAddon } from '../../../agent/native/addon.ts';
import { followTranslations, requireTranslations } from '../../../agent/threads/translations.ts';
import { POINT } from '../../support/closed-windows.ts';

const GATEWAY = { ...POINT, flowLog: { ...POINT.flowLog, resourceType: 'NAT' as const } };

function refusing(code: string): NetlinkAddon {
  return {
    openNetlink() {
      throw Object.assign(new Error(`sizing the buffer of a netlink socket: ${code}`), { code });
    },
    readNow: () => 0,
  };
}

describe('an agent without a NAT flow log', () => {
  test('asks the kernel nothing', () => {
    expect(requireTranslations([POINT], refusing('EPERM'))).toEqual([]);
    expect(followTranslations([POINT], refusing('EPERM'))).toBeUndefined();
  });
});

describe('an agent with a NAT flow log', () => {
  test.each([
    ['EPERM', 77, /needs CAP_NET_ADMIN.*sudo setcap/],
    ['EAFNOSUPPORT', 69, /EAFNOSUPPORT.*RestrictAddressFamilies/],
    ['EPROTONOSUPPORT', 69, /EPROTONOSUPPORT.*modprobe nf_conntrack_netlink/],
  ])('ends with a sentence where the kernel answers %s', (code, exitCode, message) => {
    const expected = expect.objectContaining({ exitCode, message: expect.stringMatching(message) });
    expect(() => requireTranslations([POINT, GATEWAY], refusing(code))).toThrow(expected);
    expect(() => followTranslations([POINT, GATEWAY], refusing(code))).toThrow(expected);
  });
});

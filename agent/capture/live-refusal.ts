/** What it means to the user that an interface could not be opened: the addon throws the words of libpcap and of the kernel with a code. */
import { OperationalError } from '../model/operational-error.ts';
import type { LiveOptions } from '../model/packet-source.ts';
import type { CaptureAddon } from '../native/addon.ts';
import { badFilter } from './bad-filter.ts';
import { exhaustedText } from './exhausted.ts';

/** Interfaces named in a message at most. */
const INTERFACES_NAMED_MAX = 20;
/** The kernel lets one socket listen to a group; who may not listen at all is known before. */
const GROUP_TAKEN = /listen on group/i;
const NOT_PERMITTED = /not permitted|permission/i;
/** Devices that libpcap offers everywhere and that are not meant when a name was mistyped. */
const PSEUDO_DEVICE = /^(any|nflog|nfqueue|usbmon\d*|bluetooth.*|dbus-.*)$/;

export function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? '');
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Those that a user may have meant, as a list. */
export function interfaceNames(addon: CaptureAddon): string {
  try {
    const names = addon.interfaces().map((each) => each.name);
    const real = names.filter((name) => !PSEUDO_DEVICE.test(name));
    const shown = real.slice(0, INTERFACES_NAMED_MAX).join(', ');
    return real.length > INTERFACES_NAMED_MAX ? `${shown}, ...` : shown;
  } catch {
    return '';
  }
}

export function noInterface(name: string, names: string, cause?: unknown): OperationalError {
  const hint = names === '' ? 'see flowlogd interfaces' : `the interfaces here are ${names}`;
  return new OperationalError(
    'capture.no-interface',
    `Capturing on ${name} failed, there is no such interface: ${hint}.`,
    cause,
  );
}

export function interfaceDown(name: string, cause?: unknown): OperationalError {
  return new OperationalError(
    'capture.no-interface',
    `Capturing on ${name} failed, the interface is down: bring it up with ip link set ${name} up.`,
    cause,
  );
}

function permission(name: string, cause: unknown): OperationalError {
  const asksFilter = name.startsWith('nflog') || name.startsWith('nfqueue');
  const capability = asksFilter ? 'CAP_NET_ADMIN' : 'CAP_NET_RAW';
  const granted = asksFilter ? 'cap_net_raw,cap_net_admin' : 'cap_net_raw';
  return new OperationalError(
    'capture.permission',
    `Capturing on ${name} needs ${capability}: run as root, or: sudo setcap ${granted}+ep $(readlink -f $(which node))`,
    cause,
  );
}

/** @param why no packet ring is for it */
export function noWireCounts(name: string, why: string, cause?: unknown): OperationalError {
  return new OperationalError(
    'config.invalid',
    `Counting on ${name} as on the wire failed, no packet ring can tell the segments there (${why}): set count to host and leave ` +
      'wire-packets and wire-bytes out of fields, or list other interfaces.',
    cause,
  );
}

/** What a failed pcap_activate means. A device that is down cannot be opened, which for its user is a device to wait for. */
export function liveError(options: LiveOptions, names: () => string, error: unknown): OperationalError {
  const name = options.interfaceName;
  const text = textOf(error);
  switch (codeOf(error)) {
    case 'PCAP_FILTER':
      return badFilter(name, options.filter, error);
    case 'PCAP_ERROR_PERM_DENIED':
    case 'PCAP_ERROR_PROMISC_PERM_DENIED':
      return permission(name, error);
    case 'PCAP_ERROR_NO_SUCH_DEVICE':
      return noInterface(name, names(), error);
    case 'PCAP_ERROR_IFACE_NOT_UP':
      return interfaceDown(name, error);
  }
  if (GROUP_TAKEN.test(text)) {
    return new OperationalError(
      'capture.failed',
      `Listening to the packet filter on ${name} failed, another program has the group: end that one (ulogd, tcpdump), or choose ` +
        'another group here and in the rules.',
      error,
    );
  }
  if (NOT_PERMITTED.test(text)) return permission(name, error);
  const exhausted = exhaustedText(text);
  if (exhausted !== undefined)
    return new OperationalError('capture.no-room', `Capturing on ${name} failed, ${exhausted}`, error);
  return new OperationalError('capture.failed', `Capturing on ${name} failed: ${text}.`, error);
}

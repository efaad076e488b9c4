/** The options of a sink of type `ipfix`, and what they become. */
import { BOOLEAN, integer, type Kind, seconds } from '../../options/kinds.ts';
import { option, optional, required, section, type ValueOf } from '../../options/option.ts';
import type { SectionFindings } from '../../options/sink-options.ts';
import { CONNECTION_FIELDS, checkClientCertificate, type TlsFiles } from '../connection-options.ts';

export const TRANSPORTS = ['udp', 'tcp', 'tls'] as const;
export type Transport = (typeof TRANSPORTS)[number];

export interface CollectorAddress {
  readonly transport: Transport;
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface IpfixOptions {
  readonly endpoint: CollectorAddress;
  readonly tls: TlsFiles;
  readonly enterpriseNumber: number | undefined;
  readonly messageBytes: number;
  readonly messagesPerSecond: number;
  readonly templateSeconds: number;
  readonly templateMessages: number;
  readonly timeoutSeconds: number;
  readonly ledgerLog: boolean;
}

const PORT = 4739;
/** The one for IPFIX over TLS. */
const TLS_PORT = 4740;
/** Private enterprise numbers are of 32 bits; 0 is IANA's own. */
const ENTERPRISE_MAX = 0xffff_ffff;

export const ENDPOINT: Kind<CollectorAddress> = {
  expected: 'a URL such as udp://collector.example.net:4739 (tcp:// and tls://, too), without user, path or query',
  parse(text) {
    const [, transport, rest] = /^(udp|tcp|tls):\/\/([^/\\?#@\s]+)\/?$/.exec(text) ?? [];
    return transport === undefined ? undefined : collectorAddress(transport as Transport, `http://${rest}`);
  },
};

/** @param url whose host and port count; its default port is not that of the scheme */
export function collectorAddress(transport: Transport, url: string): CollectorAddress | undefined {
  // A URL leaves out the port that is its scheme's own, so both schemes are asked.
  if (!URL.canParse(url)) return undefined;
  const { hostname, port } = new URL(url);
  const given = port || new URL(url.replace(/^http:/, 'https:')).port;
  const number = given === '' ? (transport === 'tls' ? TLS_PORT : PORT) : Number(given);
  return number === 0 ? undefined : { transport, host: hostname.replace(/^\[|\]$/g, ''), port: number };
}

export const IPFIX_SECTION = section(
  'A collector of IPFIX (RFC 7011) over UDP, TCP or TLS, such as nfcapd: see ipfix.md.',
  {
    endpoint: required(ENDPOINT, {
      description:
        'Where the collector is, and over what. Without a port 4739, over TLS 4740. UDP and TCP are for loopback and trusted networks.',
      example: 'udp://collector.example.net:4739',
    }),
    enterpriseNumber: optional(integer(1, ENTERPRISE_MAX), {
      description:
        'Private enterprise number under which fields are sent that IANA has no information element for; your own, or one that your collector ' +
        'knows. When absent these fields are left out: see ipfix.md.',
      example: '32473',
    }),
    ledgerLog: option(BOOLEAN, 'true', {
      description: 'Send the ledger of each window (dropped, ignored, excluded ...) as a record of options.',
    }),
    messageBytes: option(integer(512, 65_507), '1400', {
      description:
        'Maximum size of a message over UDP; one that is larger than the way to the collector takes is fragmented or lost.',
    }),
    messagesPerSecond: option(integer(500, 1_000_000), '10000', {
      description:
        'Maximum rate of messages over UDP, so that a backlog does not overrun the receive buffer of the collector.',
    }),
    templateSeconds: option(seconds(1, 86_400), '60', {
      description: 'How often templates are sent again over UDP, at least, while records are sent.',
    }),
    templateMessages: option(integer(1, 1_000_000), '20', {
      description: 'After how many messages of an observation domain they are sent again, at most.',
    }),
    caFile: CONNECTION_FIELDS.caFile,
    certFile: CONNECTION_FIELDS.certFile,
    keyFile: CONNECTION_FIELDS.keyFile,
    timeoutSeconds: option(seconds(1, 600), '60', {
      description: 'For a collector to read a batch over TCP or TLS.',
    }),
  },
);

/** @param text what the file holds that an option names */
export function readIpfixOptions(
  { caFile: _ca, certFile: _cert, keyFile: _key, ...values }: ValueOf<typeof IPFIX_SECTION>,
  text: (option: 'caFile' | 'certFile' | 'keyFile') => string | undefined,
): IpfixOptions {
  return { ...values, tls: { ca: text('caFile'), cert: text('certFile'), key: text('keyFile') } };
}

export function checkIpfixOptions(section: SectionFindings): void {
  checkClientCertificate(section);
  const endpoint = section.value('endpoint') as CollectorAddress | undefined;
  if (endpoint === undefined || section.isRefused('endpoint') || endpoint.transport === 'tls') return;
  const certificates = ['caFile', 'certFile', 'keyFile'].filter((name) => section.value(name) !== undefined);
  if (certificates.length > 0)
    section.warn(`${certificates.map(section.path).join(', ')} ignored: endpoint has no TLS; use tls://`);
  const { host, transport } = endpoint;
  const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host);
  if (!isLoopback) section.warn(`records are sent to ${transport}://${host} unencrypted; use tls`);
}

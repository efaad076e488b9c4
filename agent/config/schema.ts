/**
 * The one option table. The loader, `flowlogd check`, `flowlogd config`, `docs/configuration.md` and the commented example
 * are all rendered from it, and the type of a loaded configuration is inferred from it.
 *
 * Names are the field's, in camel case, units last. Every number has limits.
 */

import { SEVERITIES } from '../../analyses/analysis.ts';
import { RULE_NAMES } from '../../detect/rule-names.ts';
import {
  AUTO_ENGINE,
  LIVE_ENGINE_CHOICES,
  LIVE_ENGINES_DESCRIPTION,
  NFLOG_ENGINE_NAMES,
  WIRE_ENGINE_NAMES,
} from '../capture/engines.ts';
import { ADDRESS_FORMS, COUNTS, RESOURCE_TYPES, TRAFFIC_TYPES } from '../model/flow-log.ts';
import { FRAME_BYTES_MAX } from '../model/packet-batch.ts';
import { NFLOG_GROUP_MAX } from '../model/packet-source.ts';
import { WINDOW_SECONDS_MAX } from '../model/window-bounds.ts';
import {
  ABSOLUTE_PATH,
  BOOLEAN,
  bytes,
  choice,
  integer,
  PROXY,
  pattern,
  seconds,
  TEXT_OR_NOTHING,
} from '../options/kinds.ts';
import {
  list,
  listOf,
  named,
  option,
  optional,
  optionalSection,
  required,
  secretOrFile,
  section,
  textFile,
  type ValueOf,
} from '../options/option.ts';
import type { SinkOptions } from '../options/sink-options.ts';
import { INCIDENT_FIELDS } from '../record/incident-fields.ts';
import { CONSTANT_OPTIONS } from './constants.ts';
import {
  FIELD_WORD,
  INTERFACE_PATTERN,
  LISTEN_ADDRESS,
  NETWORK,
  PORT_RANGE,
  PRIVACY_KEY,
  PROTOCOL,
  TAG,
  WEBHOOK_URL,
} from './kinds.ts';

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 ** 2;
const GIBIBYTE = 1024 ** 3;
const TEBIBYTE = 1024 ** 4;
const DAY_SECONDS = 86_400;

/** As useradd(8) takes it. */
const USER_NAME = pattern('the name of a user', /^[a-z_][a-z0-9_.-]{0,31}\$?$/i);
const IDENTIFIER = pattern('1 to 64 of the characters A-Z a-z 0-9 . _ : -', /^[\w.:-]{1,64}$/);

const SINK_NAME = pattern('1 to 32 of the characters a-z 0-9, the first one a letter', /^[a-z][a-z0-9]{0,31}$/);
const SINKS_MAX = 16;

const flowLog = section('One flow log: what is observed, and as what it is recorded.', {
  id: optional(IDENTIFIER, {
    description:
      'Names the flow log for ever: batches and records carry it. Derived from the interfaces when absent, so that renaming keeps it.',
    example: 'fl-4kd02xq9',
  }),
  name: option(pattern('a text of 1 to 60 characters', /^.{1,60}$/u), 'default', {
    description: 'Display name.',
    example: 'web tier',
  }),
  resourceType: option(choice(RESOURCE_TYPES), 'NETWORKINTERFACE', {
    description:
      'What is observed: interfaces of this host; `NAT`, a host that translates addresses, whose records name both sides of the ' +
      'translation (needs `CAP_NET_ADMIN`: see nat.md); `CCN`, a gateway that joins regions. It decides which row is recorded, ' +
      'and what `start`, `end` and ports say.',
    example: 'NAT',
  }),
  description: option(pattern('a text of at most 512 characters', /^.{0,512}$/su), '', {
    description: 'Description, shown beside the name.',
    example: 'what the shop’s customers see',
  }),
  tags: listOf(
    TAG,
    { min: 0, max: 50 },
    {
      default: '[]',
      description: 'Labels as `key=value`, by which `flowlogd flow-logs list` finds it.',
      example: '[env=production, team=shop]',
    },
  ),
  enabled: option(BOOLEAN, 'true', { description: 'Whether it observes anything now.' }),
  interfaces: listOf(
    INTERFACE_PATTERN,
    { min: 1, max: 64 },
    {
      default: '[default]',
      description:
        'Interfaces by name or pattern (`eth*`, `veth?`); `default` is the one that holds the default route, `any` the kernel’s ' +
        'device that sees every interface. An interface belongs to one flow log at most. Those that appear later are picked up.',
      example: '[eth0, wg*]',
    },
  ),
  interfaceId: optional(IDENTIFIER, {
    description:
      'The `interface-id` of the records. Derived from the interface’s name and hardware address when absent. Only for a flow ' +
      'log of exactly one interface.',
    example: 'eni-0a1b2c3d',
  }),
  sinks: listOf(
    SINK_NAME,
    { min: 0, max: SINKS_MAX },
    {
      default: '[]',
      description:
        'The sinks that get its records, by their names. Empty is all of them, also those that are added later.',
      example: '[cls]',
    },
  ),
  trafficType: option(choice(TRAFFIC_TYPES), 'ALL', {
    description: 'Which records are shipped, by their `action`. The ledger counts the packets of the others, too.',
    example: 'REJECT',
  }),
  fields: listOf(
    FIELD_WORD,
    { min: 0, max: 64 },
    {
      default: '[]',
      description:
        'What records say, in this order; the names `eni`, `nat` and `ccn` stand for the fields of those rows. Empty is the documented ' +
        'row of the resource type; the example adds what incident analysis needs. `icmp-type` or `icmp-code` makes both part of the ' +
        'flow key. Addresses, ports, protocol and TCP flags that a list does not name are not in the spool either. Immutable, so decide before the first start.',
      example: `[eni, ${INCIDENT_FIELDS.join(', ')}]`,
    },
  ),
  count: option(choice(COUNTS), 'host', {
    description:
      'What `packets` and `bytes` count under segmentation offload: `host`, the frames that the kernel of this host handles, as every ' +
      `packet capture sees them; or \`wire\`, the packets on the wire that they are. \`wire\` requires the engine ${WIRE_ENGINE_NAMES.map((name) => `\`${name}\``).join(' or ')}: ` +
      'see capture.md. Immutable.',
    example: 'wire',
  }),
  addresses: option(choice(ADDRESS_FORMS), 'plain', {
    description:
      'How records name addresses: `plain`, or `pseudonymised`, as prefix-preserving pseudonyms under `privacy.key`, before anything is ' +
      'written to the spool: see privacy.md. Immutable.',
    example: 'pseudonymised',
  }),
  constants: section('Values of fields that the host cannot know, for this flow log alone.', CONSTANT_OPTIONS),
  rejects: optionalSection(
    'Where the packet filter says what it rejects. Without this section every packet that the interface sees is recorded as ACCEPT.',
    {
      nflog: required(integer(0, NFLOG_GROUP_MAX), {
        description:
          'The NFLOG group to which rules log just before they drop or reject: that of no other program, but flow logs may share ' +
          `one. Needs \`CAP_NET_ADMIN\` and the engine ${NFLOG_ENGINE_NAMES.map((name) => `\`${name}\``).join(' or ')}: see verdicts.md.`,
        example: '5',
      }),
    },
  ),
  windowSeconds: optional(seconds(1, WINDOW_SECONDS_MAX), {
    description:
      'Length of a capture window: 5m when absent. Of CCN it is 60, 300 or 600, and 60 when absent. Windows are aligned to the epoch.',
    example: '60',
  }),
  accountId: option(pattern('1 to 32 of the characters A-Z a-z 0-9 _ -', /^[\w-]{1,32}$/), '-', {
    description: 'The `account-id` of the records: the account (AppID) that owns them; `-` when there is none.',
    example: '1251234567',
  }),
});

const capture = section('How packets are captured.', {
  engine: option(choice(LIVE_ENGINE_CHOICES), AUTO_ENGINE, {
    description: LIVE_ENGINES_DESCRIPTION,
  }),
  snapBytes: option(bytes(64, FRAME_BYTES_MAX), '128', {
    description:
      'Bytes looked at of each packet: its headers. Packets with longer chains of headers count without ports.',
  }),
  bufferBytes: option(bytes(MEBIBYTE, 2 * GIBIBYTE - MEBIBYTE), '64MiB', {
    description:
      'Size of the kernel’s packet ring of an interface, at most: it rides over pauses. Raise it when the ledger shows kernel drops.',
  }),
  memoryMax: optional(bytes(MEBIBYTE, 16 * TEBIBYTE), {
    description:
      'Limit over the packet rings of all interfaces, NFLOG groups included. When absent, an eighth of the host’s memory or half of ' +
      'the cgroup’s limit, whichever is less. The first ring takes half of it at most, further ones get smaller as they become more, ' +
      'and an interface for which 1 MiB is left no more is refused: see capture.md.',
    example: '512MiB',
  }),
  promiscuous: option(BOOLEAN, 'false', {
    description:
      'Also see frames that are addressed to others. A flow log of a host does not want them; a mirror port does.',
  }),
  filter: option(TEXT_OR_NOTHING, '', {
    description:
      'A pcap-filter(7) expression. Packets that it rejects never reach flowlogd and so are in no ledger: prefer `exclude`, which counts them. ' +
      'It does not find all frames with VLAN tags: docs/capture.md.',
    example: 'not port 6443',
  }),
});

const exclusionRule = section(
  'Packets are excluded when everything that the rule states matches; it must state something.',
  {
    name: required(pattern('1 to 40 of the characters A-Z a-z 0-9 . _ -', /^[\w.-]{1,40}$/), {
      description: 'Names the rule in the ledger.',
      example: 'backup',
    }),
    protocol: optional(PROTOCOL, { description: 'IP protocol by name or number.', example: 'tcp' }),
    networks: listOf(
      NETWORK,
      { min: 0, max: 256 },
      {
        default: '[]',
        description: 'Source or destination lies in one of them.',
        example: '[10.9.0.0/16, 2001:db8::/32]',
      },
    ),
    ports: listOf(
      PORT_RANGE,
      { min: 0, max: 64 },
      {
        default: '[]',
        description: 'Source or destination port is one of these or in these ranges.',
        example: '[873, 8000-8099]',
      },
    ),
  },
);

const exclude = section(
  'What is kept out of the records. Excluded packets and bytes are counted by rule, with the largest peers of each.',
  {
    dhcp: option(BOOLEAN, 'true', { description: 'DHCP: IPv4 UDP between ports 67 and 68.' }),
    dhcpv6: option(BOOLEAN, 'true', { description: 'DHCPv6: IPv6 UDP between ports 546 and 547.' }),
    windowsActivation: option(BOOLEAN, 'true', {
      description: 'Windows licence activation: TCP between port 1688 and a port of 32768 or above.',
    }),
    kmsServers: listOf(
      NETWORK,
      { min: 0, max: 256 },
      {
        default: '[]',
        description:
          'Activation servers. Only TCP with port 1688 of these is then excluded, whatever the other port. Empty is any address.',
        example: '[169.254.0.0/16]',
      },
    ),
    rules: list(
      exclusionRule,
      { min: 0, max: 64 },
      { default: '[]', description: 'Rules of your own, tried in order after the ones above.' },
    ),
  },
);

const region = section('One region, and the networks that lie in it.', {
  id: required(IDENTIFIER, {
    description: 'The region as records name it. May be listed several times, with further networks.',
    example: 'ap-guangzhou',
  }),
  networks: listOf(
    NETWORK,
    { min: 1, max: 8192 },
    {
      description: 'Where several networks hold an address, the longest prefix decides.',
      example: '[10.1.0.0/16, 2001:db8:1::/48]',
    },
  ),
});

const BEFORE_SINKS = {
  stateDirectory: option(ABSOLUTE_PATH, '/var/lib/flowlogd', {
    description: 'Where flow tables and the spool live: a local disk, never shared between two agents.',
    inherits: 'STATE_DIRECTORY',
  }),
  user: optional(USER_NAME, {
    description:
      'The user that an agent becomes which root has started; `root` for none. When absent: `flowlogd`, or a free number where that user ' +
      'does not exist; and root with a warning where that user cannot reach the configuration or the program: see operations.md.',
    example: 'flowlogd',
  }),
  hostId: optional(IDENTIFIER, {
    description:
      'Names this host in batches and records. When absent: the id in /etc/machine-id, or the host name where the file holds none. ' +
      'Hosts cloned from one image may share a machine id: set `hostId` on them, or run `systemd-machine-id-setup` on the clones.',
    example: 'web-1',
  }),
  flowLogs: list(
    flowLog,
    { min: 0, max: 64 },
    {
      default: '[{}]',
      requiredInFile: 'flowLogs: [{ interfaces: [eth0] }], or flowLogs: [] to capture nothing',
      description:
        'The flow logs of this host; a configuration file must have them, and `[]` is none. Once one exists only its name, description, tags and whether it is enabled may change: see flow-logs.md.',
    },
  ),
  constants: section(
    'Values of fields that the host cannot know, for all flow logs that have none of their own.',
    CONSTANT_OPTIONS,
  ),
  capture,
  exclude,
  regions: list(
    region,
    { min: 0, max: 1024 },
    {
      default: '[]',
      description:
        'Which addresses lie in which region, for the fields `srcregionid` and `dstregionid` of flow logs of type CCN.',
    },
  ),
  privacy: section(
    'The key of pseudonyms, for the flow logs whose `addresses` are `pseudonymised`: see privacy.md.',
    secretOrFile(
      'key',
      {
        description: `Key of the pseudonyms: ${PRIVACY_KEY.expected}. Whoever has it can compute the addresses again; another key gives other pseudonyms.`,
        example: '0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0',
      },
      {
        description:
          'A file that holds it. A relative path is looked up in `$CREDENTIALS_DIRECTORY` (systemd), else beside this file.',
        example: 'privacy-key',
      },
      PRIVACY_KEY,
    ),
  ),
  table: section('The flow table: the flows of the open window.', {
    flowsMax: option(integer(1024, 16 * MEBIBYTE), '1000000', {
      description:
        'Flows of one window, interface and address family that are kept apart, at 48 to 96 bytes (IPv6: twice that) each. The packets ' +
        'of further ones go to coarser records: the sums of the window stay exact, and it says SKIPDATA.',
    }),
    directory: optional(ABSOLUTE_PATH, {
      description:
        'A directory in memory (tmpfs) for the open windows, so that counting never waits for a disk; a copy goes to the state directory ' +
        'every 10 s. The state directory itself when absent. It must outlive the process: see reliability.md.',
      example: '/run/flowlogd/tables',
    }),
  }),
  spool: section('Batches on disk, pending for delivery.', {
    bytesMax: option(bytes(16 * MEBIBYTE, 16 * TEBIBYTE), '1GiB', {
      description: 'Limit of the spool. Over it the oldest batches are evicted first, and counted.',
    }),
    ageSecondsMax: option(seconds(60, 366 * DAY_SECONDS), '7d', {
      description: 'Batches older than this go, and are counted.',
    }),
  }),
};

const webhook = section(
  'Findings over HTTP: a signed POST for each that is opened, repeated, worsened or closed. See findings.md.',
  {
    ...secretOrFile(
      'url',
      {
        description:
          'Where they are posted. Plain `http` is for loopback and test benches. Redirects are not followed.',
        example: 'https://hooks.example.net/flowlogd',
      },
      { description: 'A file that holds it, where the URL itself is a secret.', example: 'webhook-url' },
      WEBHOOK_URL,
    ),
    ...secretOrFile(
      'secret',
      {
        description:
          'Key of the HMAC-SHA256 by which the receiver knows who sent it. Without it messages are not signed.',
        example: 'xxxxxxxx',
      },
      { description: 'A file that holds it.', example: 'webhook-secret' },
    ),
    severity: option(choice(SEVERITIES), 'low', {
      description: 'The least severity of the findings that are posted.',
      example: 'high',
    }),
    caFile: textFile({
      confidential: false,
      description: 'PEM file of the certificate authorities to trust instead of the system’s.',
      example: '/etc/flowlogd/ca.pem',
    }),
    ...secretOrFile(
      'proxy',
      {
        description: 'HTTP proxy, or `none`; when absent as the environment says, as for sinks.',
        example: 'http://proxy.example.net:3128',
      },
      { description: 'A file that holds it, for a proxy with a password.', example: 'webhook-proxy' },
      PROXY,
    ),
  },
);

const AFTER_SINKS = {
  findings: section('What becomes of findings, which the analyses make while records arrive: see findings.md.', {
    enabled: option(BOOLEAN, 'true', {
      description:
        'Whether the agent looks in its own windows, where no sink is the embedded log service, which does it by itself.',
    }),
    rules: listOf(
      choice(RULE_NAMES),
      { min: 0, max: RULE_NAMES.length },
      {
        default: '[]',
        description: 'Analyses that the agent then runs, instead of those that run by default.',
        example: '[scan-ports, scan-hosts, new-peer]',
      },
    ),
    records: option(BOOLEAN, 'false', {
      description: 'Whether what the agent finds goes to each sink, too, as records of their own.',
    }),
    webhook,
  }),
  log: section('What flowlogd says about itself, as JSON lines on standard error.', {
    level: option(choice(['error', 'warn', 'info', 'debug']), 'info', {
      description:
        '`error`: data was or will be lost. `warn`: it would be soon. `info`: what changed. `debug`: every window and upload.',
    }),
  }),
  telemetry: section('How flowlogd can be asked, beside `flowlogd status` over its control socket.', {
    listen: optional(LISTEN_ADDRESS, {
      description:
        'Where `GET /metrics` (Prometheus) and `GET /health` are answered over HTTP, to whoever can reach it: without TLS or ' +
        'password, so a loopback address unless the network is to be trusted.',
      example: '127.0.0.1:9753',
    }),
  }),
};

/** What a sink has beside the options of its kind. */
const OF_EVERY_SINK = {
  drain: option(BOOLEAN, 'false', {
    description:
      'Before it is removed: it gets no new records, and what is pending for it is still delivered (see sinks.md).',
  }),
};

/** @param kinds of sinks that there are */
export function schemaFor(kinds: readonly SinkOptions[]) {
  return section('The configuration of flowlogd.', {
    ...BEFORE_SINKS,
    sinks: named(SINK_NAME, {
      max: SINKS_MAX,
      types: Object.fromEntries(
        kinds.map(({ kind, section: { fields, ...about } }) => [
          kind,
          { ...about, fields: { ...fields, ...OF_EVERY_SINK } },
        ]),
      ),
      description:
        'The log services that receive the records, by names of your own: see sinks.md. Without any they go to the embedded log service on the loopback interface.',
    }),
    ...AFTER_SINKS,
  });
}

/** All of it but the kinds of sinks. */
export const SCHEMA = schemaFor([]);

/** What the file and the environment say, before the files that they name are read. */
export type Options = ValueOf<typeof SCHEMA>;
export type FlowLogOptions = Options['flowLogs'][number];

/** The longest configuration file: it is written by people. */
export const CONFIGURATION_BYTES_MAX = 1024 * KIBIBYTE;

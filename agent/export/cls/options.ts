/** The options of a sink of type `cls`, and what they become. */
import { BOOLEAN, choice, type Kind, ORIGIN, pattern } from '../../options/kinds.ts';
import { option, optional, required, secretOrFile, section, type ValueOf } from '../../options/option.ts';
import type { HostAbilities, SectionFindings } from '../../options/sink-options.ts';
import type { Compression } from '../../wire/compression.ts';
import { CONNECTION_FIELDS, checkClientCertificate, type TlsFiles, warnUnencrypted } from '../connection-options.ts';

export interface ClsOptions {
  /** `embedded`: the log service beside this agent, which has its own topic and key. */
  readonly endpoint: URL | 'embedded';
  readonly topicId: string;
  readonly credentials: { readonly secretId: string; readonly secretKey: string; readonly token?: string | undefined };
  readonly compression: Compression;
  readonly tls?: TlsFiles | undefined;
  /** Undefined: as the environment says. */
  readonly proxy: URL | 'none' | undefined;
  readonly requestTimeoutSeconds: number;
  readonly requestIdRequired: boolean;
  readonly ledgerLog: boolean;
}

/** As wire/compression.ts has them, which loads a codec. */
const COMPRESSIONS = ['lz4', 'zstd', 'deflate', 'none'] as const satisfies readonly Compression[];

/** The one topic of the embedded log service. */
export const EMBEDDED_TOPIC_ID = 'flowlog';

const ENDPOINT: Kind<URL | 'embedded'> = {
  expected: `${ORIGIN.expected}; or embedded`,
  parse: (text) => (text === 'embedded' ? text : ORIGIN.parse(text)),
};

const TOPIC_ID = pattern('1 to 64 of the characters A-Z a-z 0-9 . _ : -', /^[\w.:-]{1,64}$/);

export const CLS_SECTION = section(
  'Tencent Cloud Log Service, anything that speaks its upload protocol, or the embedded log service: see cls.md.',
  {
    endpoint: required(ENDPOINT, {
      description:
        'Where the log service is. Plain `http` is for loopback and test benches. `embedded` is the log service that runs beside ' +
        'the agent and needs no further option: see logservice.md.',
      example: 'https://ap-guangzhou.cls.tencentcs.com',
    }),
    topicId: optional(TOPIC_ID, {
      description: 'The topic that stores the records. Required, except for `embedded`.',
      example: '5cd3a17e-fb0b-418c-afd7-77b36539e7a7',
    }),
    ...secretOrFile(
      'secretId',
      {
        description: 'Id of the key that signs uploads. It needs `cls:UploadLog` on the topic and nothing else.',
        example: 'AKIDxxxxxxxx',
      },
      {
        description:
          'A file that holds it. A relative path is looked up in `$CREDENTIALS_DIRECTORY` (systemd), else beside this file.',
        example: 'cls-secret-id',
      },
    ),
    ...secretOrFile(
      'secretKey',
      { description: 'The key itself.', example: 'xxxxxxxx' },
      { description: 'A file that holds it.', example: 'cls-secret-key' },
    ),
    ...secretOrFile(
      'token',
      { description: 'Session token of temporary keys.', example: 'xxxxxxxx' },
      { description: 'A file that holds it.', example: 'cls-token' },
    ),
    compression: option(choice(COMPRESSIONS), 'lz4', {
      description: 'Of uploads. `zstd` needs Node 22.15 or newer.',
    }),
    ...CONNECTION_FIELDS,
    requestIdRequired: option(BOOLEAN, 'true', {
      description:
        'Whether only an answer with the header `x-cls-requestid` can accept a batch. Tencent Cloud and the embedded log service ' +
        'always send it; `false` is for a compatible service that does not, and counts its 200 as stored.',
    }),
    ledgerLog: option(BOOLEAN, 'true', {
      description: 'Send the ledger of each window (offered, metered, excluded, dropped ...) as a log of its own.',
    }),
  },
);

/** @param text what the file holds that an option names */
export function readClsOptions(
  values: ValueOf<typeof CLS_SECTION>,
  text: (option: 'caFile' | 'certFile' | 'keyFile') => string | undefined,
): ClsOptions {
  const { endpoint, topicId, secretId = '', secretKey = '', token } = values;
  const { compression, proxy, requestTimeoutSeconds, requestIdRequired, ledgerLog } = values;
  return {
    endpoint,
    topicId: topicId ?? EMBEDDED_TOPIC_ID,
    // A missing half is a problem that the check has found, so these empty texts are never handed out.
    credentials: { secretId, secretKey, token },
    compression,
    tls: { ca: text('caFile'), cert: text('certFile'), key: text('keyFile') },
    proxy,
    requestTimeoutSeconds,
    requestIdRequired,
    ledgerLog,
  };
}

export function checkClsOptions(section: SectionFindings, { zstd }: HostAbilities): void {
  const endpoint = section.value('endpoint');
  if (endpoint === 'embedded') checkEmbedded(section);
  else checkRequired(section);
  checkClientCertificate(section);
  if (section.value('compression') === 'zstd' && !zstd) {
    section.problemAt('compression', 'zstd requires Node 22.15 or newer; use lz4');
  }
  if (endpoint instanceof URL) warnOf(section, endpoint);
}

/** What only a service elsewhere needs. */
const ELSEWHERE = ['topicId', 'secretId', 'secretKey', 'token', 'caFile', 'certFile', 'keyFile', 'proxy'];

function checkEmbedded(section: SectionFindings): void {
  for (const name of ELSEWHERE.flatMap((each) => [each, `${each}File`])) {
    if (section.value(name) === undefined) continue;
    section.problemAt(name, 'the embedded log service has its own socket, topic and key; remove it');
  }
}

function checkRequired(section: SectionFindings): void {
  if (section.value('topicId') === undefined && !section.isRefused('topicId')) {
    section.problemAt('topicId', `missing required option: expected ${TOPIC_ID.expected}`);
  }
  for (const name of ['secretId', 'secretKey']) {
    const both = [name, `${name}File`];
    if (both.some((each) => section.value(each) !== undefined || section.isRefused(each))) continue;
    section.problem(`missing ${both.map((each) => section.path(each)).join(' or ')}, required to sign uploads`);
  }
}

function warnOf(section: SectionFindings, endpoint: URL): void {
  const { hostname } = endpoint;
  // The domain that the pages of the API's UploadLog name, with or without a region; `intl` is the international site's.
  const [, region = '<region>'] = /^cls\.((?:[a-z]+-)+[a-z\d]+(?:-\d+)?)\./.exec(hostname) ?? [];
  if (/(?:^|\.)tencentcloudapi\.(?:com|cn|com\.cn)\.?$/.test(hostname)) {
    section.warn(
      `${section.path('endpoint')} ${hostname} is the management API, which does not accept uploads; use https://${region}.cls.tencentcs.com`,
    );
  }
  warnUnencrypted(section, endpoint);
}

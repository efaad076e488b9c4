/** The options of the way to a service over HTTP: certificates, a proxy, how long a request may take. */
import { PROXY, seconds } from '../options/kinds.ts';
import { option, secretOrFile, textFile } from '../options/option.ts';
import type { SectionFindings } from '../options/sink-options.ts';

/** PEM texts. */
export interface TlsFiles {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export const CONNECTION_FIELDS = {
  caFile: textFile({
    confidential: false,
    description: 'PEM file of the certificate authorities to trust instead of the system’s.',
    example: '/etc/flowlogd/ca.pem',
  }),
  certFile: textFile({
    confidential: false,
    description: 'PEM file of a client certificate.',
    example: '/etc/flowlogd/client.pem',
  }),
  keyFile: textFile({
    confidential: true,
    description: 'PEM file of the client certificate’s key.',
    example: '/etc/flowlogd/client.key',
  }),
  ...secretOrFile(
    'proxy',
    {
      description:
        'HTTP proxy for uploads; `none` for a direct connection whatever the environment says. When absent the variables ' +
        '`HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` (or in lower case) apply. Loopback addresses never use a proxy.',
      example: 'http://proxy.example.net:3128',
    },
    { description: 'A file that holds it, for a proxy with a password.', example: 'upload-proxy' },
    PROXY,
  ),
  requestTimeoutSeconds: option(seconds(1, 600), '60', {
    description:
      'For one upload over an open connection, to the last byte of the answer. Name look-up, TCP and TLS have limits of their own: see cls.md.',
  }),
} as const;

export function checkClientCertificate(section: SectionFindings): void {
  const [cert, key] = ['certFile', 'keyFile'].map((name) => section.value(name) !== undefined);
  if (cert === key) return;
  const [set, missing] = cert ? ['certFile', 'keyFile'] : ['keyFile', 'certFile'];
  section.problemAt(set!, `missing ${section.path(missing!)}: a client certificate requires its key`);
}

export function warnUnencrypted(section: SectionFindings, { hostname, protocol, origin }: URL): void {
  const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  if (protocol !== 'https:' && !isLoopback) section.warn(`records are sent to ${origin} unencrypted; use https`);
}

/** Certificates of an authority of a test's own, made with openssl. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(...words: readonly string[]): void {
  execFileSync('openssl', words, { stdio: 'ignore' });
}

export class Authority implements Certificate {
  readonly cert: string;
  readonly key: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'flowlogd-ca-'));

  constructor(name: string) {
    const [cert, key] = [join(this.#folder, 'ca.pem'), join(this.#folder, 'ca-key.pem')];
    openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', `/CN=${name}`, '-keyout', key, '-out', cert);
    this.cert = readFileSync(cert, 'utf8');
    this.key = readFileSync(key, 'utf8');
  }

  /** @param days of validity from now; below 0 it ended that long ago */
  sign(alternativeName: string, days = 2): Certificate {
    const path = (name: string) => join(this.#folder, name);
    openssl('req', ...NEW_KEY, '-subj', '/CN=leaf', '-keyout', path('key.pem'), '-out', path('request.pem'));
    writeFileSync(path('extensions'), `subjectAltName=${alternativeName}\n`);
    writeFileSync(path('index'), '');
    writeFileSync(path('serial'), '01\n');
    const settings = [
      '[ca]\ndefault_ca=own',
      `[own]\ndatabase=${path('index')}\nserial=${path('serial')}\nnew_certs_dir=${this.#folder}`,
      `default_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n`,
    ];
    writeFileSync(path('settings'), settings.join('\n'));
    const now = Date.now();
    const validity = ['-startdate', stamp(now - 10 * DAY_MS), '-enddate', stamp(now + days * DAY_MS)];
    const own = ['-cert', path('ca.pem'), '-keyfile', path('ca-key.pem')];
    const what = ['-in', path('request.pem'), '-out', path('cert.pem'), '-extfile', path('extensions'), '-notext'];
    openssl('ca', '-batch', '-config', path('settings'), ...own, ...validity, ...what);
    return { cert: readFileSync(path('cert.pem'), 'utf8'), key: readFileSync(path('key.pem'), 'utf8') };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

const DAY_MS = 86_400_000;

/** As openssl writes times: YYYYMMDDHHMMSSZ. */
function stamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
}

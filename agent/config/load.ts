/**
 * From a file and the environment to a frozen, typed configuration, or to one report of everything that is wrong with them.
 * The environment overrides the file, the file overrides the defaults.
 */

import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import * as zlib from 'node:zlib';
import { OperationalError } from '../model/operational-error.ts';
import { PROXY } from '../options/kinds.ts';
import { captureWarnings } from './capture-warnings.ts';
import { checkConsistency } from './consistency.ts';
import { readDocument } from './document.ts';
import { type Environment, misspeltVariables } from './environment.ts';
import { describeFileError, type ReadTextFile, readTextFile } from './files.ts';
import { Findings, type Setting } from './findings.ts';
import { rowWarnings, windowSecondsOf } from './flow-log-row.ts';
import { type ClsOptions, CONFIGURATION_BYTES_MAX, type FlowLogOptions, type Options, SCHEMA } from './schema.ts';

/** Secrets and certificates are short. */
const SECRET_BYTES_MAX = 65_536;
/** What a file with keys in it must not let others do. */
const OTHERS = 0o007;

export interface FlowLogConfiguration extends FlowLogOptions {
  readonly id: string;
  readonly windowSeconds: number;
}

type FileOptions = 'secretId' | 'secretIdFile' | 'secretKey' | 'secretKeyFile' | 'token' | 'tokenFile' | 'proxyFile';

export interface ClsConfiguration extends Omit<NonNullable<ClsOptions>, FileOptions> {
  readonly credentials: { readonly secretId: string; readonly secretKey: string; readonly token: string | undefined };
  /** PEM texts of the files. */
  readonly tls: {
    readonly ca: string | undefined;
    readonly cert: string | undefined;
    readonly key: string | undefined;
  };
  /** With user and password; undefined: as the environment says. */
  readonly proxy: URL | 'none' | undefined;
}

export interface Configuration extends Omit<Options, 'flowLogs' | 'cls'> {
  readonly flowLogs: readonly FlowLogConfiguration[];
  /** Undefined: the embedded log service. */
  readonly cls: ClsConfiguration | undefined;
}

export interface Loaded {
  readonly configuration: Configuration;
  /** Every option with its value as text and where it came from, in the order of the table. */
  readonly settings: readonly Setting[];
  /** Sentences about what is allowed and probably not meant. */
  readonly warnings: readonly string[];
}

export interface LoadOptions {
  /** Undefined: the environment and the defaults alone. */
  readonly path: string | undefined;
  readonly environment: Environment;
  readonly readTextFile: ReadTextFile;
  /** Whether this Node can compress with zstd. */
  readonly zstd: boolean;
  /** False leaves the files that options name alone: their contents are then empty. */
  readonly readNamedFiles: boolean;
}

/** @throws OperationalError `config.unreadable`, or `config.invalid` with one line for each problem. */
export function loadConfiguration(options: LoadOptions): Loaded {
  const { path, environment } = options;
  const file = path === undefined ? { text: undefined, mode: 0o600 } : readFile(path, options.readTextFile);
  const findings = new Findings();
  const read = readDocument(SCHEMA, file.text, environment, findings) as Options;
  checkConsistency(findings, options.zstd);
  checkMode(findings, path ?? '', file.mode);
  const secrets = new SecretFiles(findings, options);
  const cls = readCls(findings, secrets);
  if (findings.problems.length > 0) throw refusal(path, findings);
  const configuration: Configuration = {
    ...read,
    flowLogs: read.flowLogs.map(completed),
    cls: read.cls === undefined ? undefined : { ...withoutSecrets(read.cls), ...cls },
  };
  return {
    configuration: deepFreeze(configuration),
    settings: [...findings.settings.values()],
    warnings: [
      ...misspeltVariables(SCHEMA, environment),
      ...secrets.warnings,
      ...configuration.flowLogs.flatMap((flowLog) => rowWarnings(flowLog, configuration)),
      ...captureWarnings(configuration),
      ...endpointWarnings(configuration),
      ...listenWarnings(configuration),
    ],
  };
}

/** The configuration of this process: the file when there is one, under its environment. */
export function loadOnHost(path: string | undefined, environment: Environment, readNamedFiles = true): Loaded {
  return loadConfiguration({ path, environment, readTextFile, zstd: 'zstdCompressSync' in zlib, readNamedFiles });
}

/** One flow log from options as the file has them. @throws OperationalError `config.invalid`, in one sentence */
export function loadFlowLog(options: Readonly<Record<string, unknown>>): FlowLogConfiguration {
  const findings = new Findings();
  const { flowLogs } = readDocument(SCHEMA, JSON.stringify({ flowLogs: [options] }), {}, findings) as Options;
  checkConsistency(findings, false);
  if (findings.problems.length > 0) {
    const problems = findings.problems.map(({ path, message }) => `${path.replace('flowLogs[0].', '')}: ${message}`);
    throw new OperationalError('config.invalid', `The flow log is not valid: ${problems.join('; ')}.`);
  }
  return deepFreeze(completed(flowLogs[0]!));
}

function completed(flowLog: FlowLogOptions): FlowLogConfiguration {
  const windowSeconds = windowSecondsOf(flowLog);
  return { ...flowLog, windowSeconds, id: flowLog.id ?? deriveFlowLogId(flowLog.interfaces) };
}

/** The same interfaces give the same id, so a flow log may be renamed. */
export function deriveFlowLogId(interfaces: readonly string[]): string {
  const digest = createHash('sha256').update(interfaces.toSorted().join('\0')).digest();
  return `fl-${digest.readUIntBE(0, 6).toString(36).padStart(8, '0').slice(-8)}`;
}

function readFile(path: string, read: ReadTextFile): ReturnType<ReadTextFile> {
  let file: ReturnType<ReadTextFile>;
  try {
    file = read(path, CONFIGURATION_BYTES_MAX);
  } catch (error) {
    throw new OperationalError(
      'config.unreadable',
      `Reading the configuration ${path} failed: ${describeFileError(error)}.`,
      error,
    );
  }
  const damage = damageOf(file.text);
  if (damage === undefined) return file;
  throw new OperationalError('config.invalid', `Reading the configuration ${path} failed: ${damage}.`);
}

/** What a crash or a full disk leaves of a file, and what was never a configuration. */
function damageOf(text: string): string | undefined {
  if (text === '') return 'it is empty; restore it, or write flowLogs: [] to capture nothing';
  if (text.includes('\0')) return 'it has NUL bytes, as after a crash; restore it';
  return Buffer.byteLength(text) > CONFIGURATION_BYTES_MAX
    ? 'it is longer than 1MiB: is it a configuration file?'
    : undefined;
}

function checkMode(findings: Findings, path: string, mode: number): void {
  if ((mode & OTHERS) === 0) return;
  const exposed = [...findings.settings.values()].find((setting) => setting.secret && setting.origin.from === 'file');
  if (exposed === undefined) return;
  const octal = mode.toString(8).padStart(4, '0');
  findings.problemAt(
    exposed.path,
    `this secret is open to every user of the host, because the file's mode is ${octal}: run chmod 600 ${path}, or move the secret ` +
      `to a file of its own with ${exposed.path}File`,
  );
}

/** Reads the files that options name. */
class SecretFiles {
  readonly warnings: string[] = [];
  readonly #findings: Findings;
  readonly #read: ReadTextFile;
  readonly #folder: string;
  readonly #skip: boolean;

  constructor(findings: Findings, options: LoadOptions) {
    this.#findings = findings;
    this.#read = options.readTextFile;
    this.#skip = !options.readNamedFiles;
    this.#folder = options.environment['CREDENTIALS_DIRECTORY'] ?? dirname(options.path ?? '.');
  }

  /** The text of the file that the option names, without the line's end; undefined when there is no such option. */
  text(option: string, confidential: boolean): string | undefined {
    const named = this.#findings.settings.get(option)?.value;
    if (typeof named !== 'string' || this.#skip) return undefined;
    const path = resolve(this.#folder, named);
    try {
      const { text, mode } = this.#read(path, SECRET_BYTES_MAX);
      if (confidential && (mode & OTHERS) !== 0) {
        this.warnings.push(`${path} is open to every user of the host; run chmod 600 ${path}`);
      }
      const trimmed = text.trim();
      if (trimmed !== '' && text.length <= SECRET_BYTES_MAX) return trimmed;
      this.#findings.problemAt(option, `${path} ${trimmed === '' ? 'is empty' : 'is longer than 64KiB'}`);
    } catch (error) {
      this.#findings.problemAt(option, `cannot read ${path}: ${describeFileError(error)}`);
    }
    return undefined;
  }
}

function readCls(findings: Findings, files: SecretFiles): Pick<ClsConfiguration, 'credentials' | 'tls' | 'proxy'> {
  const secret = (name: string): string | undefined => {
    const inline = findings.settings.get(`cls.${name}`)?.value;
    return typeof inline === 'string' ? inline : files.text(`cls.${name}File`, true);
  };
  return {
    // A missing one is a problem that the consistency check has said, so these empty texts are never handed out.
    credentials: { secretId: secret('secretId') ?? '', secretKey: secret('secretKey') ?? '', token: secret('token') },
    tls: {
      ca: files.text('cls.caFile', false),
      cert: files.text('cls.certFile', false),
      key: files.text('cls.keyFile', true),
    },
    proxy: readProxy(findings, files),
  };
}

function readProxy(findings: Findings, files: SecretFiles): URL | 'none' | undefined {
  const inline = findings.settings.get('cls.proxy')?.value;
  if (inline !== undefined) return inline as URL | 'none';
  const text = files.text('cls.proxyFile', true);
  const proxy = text === undefined ? undefined : PROXY.parse(text);
  if (text !== undefined && proxy === undefined) {
    findings.problemAt('cls.proxyFile', `its content is invalid: expected ${PROXY.expected}`);
  }
  return proxy;
}

function withoutSecrets(cls: NonNullable<ClsOptions>): Omit<NonNullable<ClsOptions>, FileOptions> {
  const { secretId: _id, secretIdFile: _idFile, secretKey: _key, secretKeyFile: _keyFile, ...rest } = cls;
  const { token: _token, tokenFile: _tokenFile, proxyFile: _proxyFile, ...plain } = rest;
  return plain;
}

function endpointWarnings({ cls }: Configuration): string[] {
  return cls === undefined ? [] : [...managementWarnings(cls.endpoint), ...encryptionWarnings(cls.endpoint)];
}

/** The domain that the pages of the API's UploadLog name, with or without a region; `intl` is the international site's. */
function managementWarnings({ hostname }: URL): string[] {
  const [, region = '<region>'] = /^cls\.((?:[a-z]+-)+[a-z\d]+(?:-\d+)?)\./.exec(hostname) ?? [];
  if (!/(?:^|\.)tencentcloudapi\.(?:com|cn|com\.cn)\.?$/.test(hostname)) return [];
  return [
    `cls.endpoint ${hostname} is the management API, which stores no uploads; use https://${region}.cls.tencentcs.com`,
  ];
}

function encryptionWarnings(endpoint: URL): string[] {
  if (endpoint.protocol === 'https:') return [];
  if (/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(endpoint.hostname)) return [];
  return [`records travel to ${endpoint.origin} unencrypted; use https`];
}

function listenWarnings({ telemetry: { listen } }: Configuration): string[] {
  if (listen === undefined || /^(?:127\.|::1$)/.test(listen.host)) return [];
  return [`telemetry.listen ${listen.host} answers metrics to everybody who can reach this host; 127.0.0.1 does not`];
}

function refusal(path: string | undefined, findings: Findings): OperationalError {
  const file = path ?? 'the environment';
  const count = findings.problems.length === 1 ? 'a problem' : `${findings.problems.length} problems`;
  const lines = findings.report(file).map((line) => `\n  ${line}`);
  return new OperationalError('config.invalid', `The configuration has ${count}:${lines.join('')}`);
}

function deepFreeze<T>(value: T): T {
  // Typed arrays cannot be frozen, URLs keep their state elsewhere.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof URL) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}

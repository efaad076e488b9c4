/**
 * From a file and the environment to a frozen, typed configuration, or to one report of everything that is wrong with them.
 * The environment overrides the file, the file overrides the defaults.
 */

import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import type { Severity } from '../../analyses/analysis.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { SinkFiles, SinkPlan } from '../model/sink-plan.ts';
import type { NamedSection } from '../options/option.ts';
import type { SinkOptions } from '../options/sink-options.ts';
import { captureWarnings } from './capture-warnings.ts';
import { checkConsistency, checkPrivacy } from './consistency.ts';
import { readDocument } from './document.ts';
import { type Environment, misspeltVariables } from './environment.ts';
import { describeFileError, type ReadTextFile } from './files.ts';
import { Findings, type Setting } from './findings.ts';
import { rowWarnings, windowSecondsOf } from './flow-log-row.ts';
import { folderOfFiles, type NamedFiles, namedFilePaths, OTHERS, readNamedFiles } from './named-files.ts';
import { CONFIGURATION_BYTES_MAX, type FlowLogOptions, type Options, SCHEMA, schemaFor } from './schema.ts';
import { checkNamedSinks, checkSinks, planSinks, sinkSections, withFormerSections } from './sinks.ts';

export interface FlowLogConfiguration extends FlowLogOptions {
  readonly id: string;
  readonly windowSeconds: number;
}

export interface Configuration extends Omit<Options, 'flowLogs' | 'sinks'> {
  readonly flowLogs: readonly FlowLogConfiguration[];
  /** None: the embedded log service. */
  readonly sinks: readonly SinkPlan[];
  /** Undefined where findings are told to none. */
  readonly webhook: WebhookConfiguration | undefined;
}

export interface WebhookConfiguration {
  readonly url: URL;
  readonly secret: string | undefined;
  /** PEM. */
  readonly ca: string | undefined;
  readonly proxy: URL | 'none' | undefined;
  readonly severityMin: Severity;
}

export interface Loaded {
  readonly configuration: Configuration;
  /** Every option with its value as text and where it came from, in the order of the table. */
  readonly settings: readonly Setting[];
  /** Those that options name, to be read again. */
  readonly sinkFiles: SinkFiles;
  /** Sentences about what is allowed and probably not meant. */
  readonly warnings: readonly string[];
}

export interface LoadOptions {
  /** Undefined: the environment and the defaults alone. */
  readonly path: string | undefined;
  readonly environment: Environment;
  readonly readTextFile: ReadTextFile;
  /** The kinds of sinks that there are. */
  readonly sinkKinds: readonly SinkOptions[];
  /** Whether this Node can compress with zstd. */
  readonly zstd: boolean;
  /** False leaves the files that options name alone: their contents are then empty. */
  readonly readNamedFiles: boolean;
}

/** @throws OperationalError `config.unreadable`, or `config.invalid` with one line for each problem. */
export function loadConfiguration(options: LoadOptions): Loaded {
  const { path, environment, sinkKinds, zstd } = options;
  const file = path === undefined ? { text: undefined, mode: 0o600 } : readFile(path, options.readTextFile);
  const findings = new Findings();
  const schema = schemaFor(sinkKinds);
  const read = readDocument(withFormerSections(schema, sinkKinds), file.text, environment, findings) as Options;
  const sections = read === undefined ? [] : sinkSections(read, sinkKinds, findings);
  checkConsistency(findings);
  checkPrivacy(findings);
  checkSinks(sections, sinkKinds, findings, { zstd });
  checkNamedSinks(sections, findings);
  checkMode(findings, path ?? '', file.mode);
  findings.warnings.unshift(...misspeltVariables(schema, sections, environment));
  const files = options.readNamedFiles ? readFiles(findings, options) : { texts: new Map(), values: new Map() };
  if (findings.problems.length > 0) throw refusal(path, findings);
  const sinks = planSinks(sections, sinkKinds, files, findings);
  if (findings.problems.length > 0) throw refusal(path, findings);
  const configuration: Configuration = {
    ...read,
    privacy: { ...read.privacy, key: keyOf(read.privacy, files) },
    webhook: webhookOf(read.findings.webhook, files),
    flowLogs: read.flowLogs.map(completed),
    sinks,
  };
  return {
    configuration: deepFreeze(configuration),
    settings: [...findings.settings.values()],
    sinkFiles: {
      paths: namedFilePaths([...ofSinks(findings).values()], folderOf(options)),
      readAgain: () => readSinksAgain(sections, findings, options),
    },
    warnings: [
      ...findings.warnings,
      ...configuration.flowLogs.flatMap((flowLog) => rowWarnings(flowLog, configuration)),
      ...captureWarnings(configuration),
      ...listenWarnings(configuration),
      ...webhookWarnings(configuration),
    ],
  };
}

/** Others count from the next start, so their files are read once. */
function ofSinks({ settings }: Findings): Map<string, Setting> {
  return new Map([...settings].filter(([path]) => !/^(?:privacy|findings)\./.test(path)));
}

/** Undefined also where the file that holds it is not to be read. */
function keyOf({ key }: Options['privacy'], { values }: NamedFiles): Uint8Array | undefined {
  return key ?? (values.get('privacy.key') as Uint8Array | undefined);
}

/** Undefined where nobody is told. */
function webhookOf(
  options: Options['findings']['webhook'],
  { texts, values }: NamedFiles,
): WebhookConfiguration | undefined {
  const held = <T>(name: string) => values.get(`findings.webhook.${name}`) as T | undefined;
  const url = options.url ?? held<URL>('url');
  if (url === undefined) return undefined;
  return {
    url,
    secret: options.secret ?? held<string>('secret'),
    ca: texts.get('findings.webhook.caFile'),
    proxy: options.proxy ?? held<URL | 'none'>('proxy'),
    severityMin: options.severity,
  };
}

function webhookWarnings({ webhook }: Configuration): string[] {
  if (webhook === undefined) return [];
  const { protocol, hostname, origin } = webhook.url;
  const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  return [
    ...(protocol !== 'https:' && !isLoopback ? [`findings are sent to ${origin} unencrypted; use https`] : []),
    ...(webhook.secret === undefined
      ? ['findings.webhook has no secret: the receiver cannot tell who sent a message']
      : []),
  ];
}

function readFiles(findings: Findings, options: LoadOptions): NamedFiles {
  return readNamedFiles(findings, options.readTextFile, folderOf(options));
}

/** Where relative paths of the files begin. */
function folderOf({ path, environment }: LoadOptions): string {
  return folderOfFiles(environment, dirname(path ?? '.'));
}

/** @throws OperationalError `config.invalid` */
function readSinksAgain(sections: readonly NamedSection[], first: Findings, options: LoadOptions): readonly SinkPlan[] {
  const findings = new Findings(ofSinks(first));
  const files = readFiles(findings, options);
  if (findings.problems.length > 0) throw refusal(options.path, findings);
  return planSinks(sections, options.sinkKinds, files, findings);
}

/** One flow log from options as the file has them. @throws OperationalError `config.invalid`, in one sentence */
export function loadFlowLog(options: Readonly<Record<string, unknown>>): FlowLogConfiguration {
  const findings = new Findings();
  const { flowLogs } = readDocument(SCHEMA, JSON.stringify({ flowLogs: [options] }), {}, findings) as Options;
  checkConsistency(findings);
  if (findings.problems.length > 0) {
    const problems = findings.problems.map(({ path, message }) => `${path.replace('flowLogs[0].', '')}: ${message}`);
    throw new OperationalError('config.invalid', `Invalid flow log: ${problems.join('; ')}.`);
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
  if (text === '') return 'empty file; restore it, or write flowLogs: [] to capture nothing';
  if (text.includes('\0')) return 'corrupt file (NUL bytes, as after a crash); restore it';
  return Buffer.byteLength(text) > CONFIGURATION_BYTES_MAX ? 'longer than 1MiB: not a configuration file' : undefined;
}

function checkMode(findings: Findings, path: string, mode: number): void {
  if ((mode & OTHERS) === 0) return;
  const exposed = [...findings.settings.values()].find((setting) => setting.secret && setting.origin.from === 'file');
  if (exposed === undefined) return;
  const octal = mode.toString(8).padStart(4, '0');
  findings.problemAt(
    exposed.path,
    `secret in a world-readable file (mode ${octal}): run chmod 600 ${path}, or move the secret ` +
      `to a separate file with ${exposed.path}File`,
  );
}

function listenWarnings({ telemetry: { listen } }: Configuration): string[] {
  if (listen === undefined || /^(?:127\.|::1$)/.test(listen.host)) return [];
  return [`telemetry.listen ${listen.host} exposes metrics to every client that reaches this host; use 127.0.0.1`];
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

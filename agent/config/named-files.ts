/** Reads the files that options name: secrets, certificates. */
import { resolve } from 'node:path';
import type { Environment } from './environment.ts';
import { describeFileError, type ReadTextFile } from './files.ts';
import type { Findings, Setting } from './findings.ts';

/** Secrets and certificates are short. */
const BYTES_MAX = 65_536;
/** What a file with keys in it must not let others do. */
export const OTHERS = 0o007;

export interface NamedFiles {
  /** What each file holds, without the line's end, by the option that names it. */
  readonly texts: ReadonlyMap<string, string>;
  /** What those are that hold the value of an option, by that option. */
  readonly values: ReadonlyMap<string, unknown>;
}

/** @param folder where relative paths begin */
export function readNamedFiles(findings: Findings, read: ReadTextFile, folder: string): NamedFiles {
  const texts = new Map<string, string>();
  const values = new Map<string, unknown>();
  for (const setting of findings.settings.values()) {
    const { path, content } = setting;
    if (content === undefined) continue;
    const { holds } = content;
    // Both is a problem that was found already.
    if (holds !== undefined && findings.settings.has(siblingOf(path, holds.name))) continue;
    const text = textOf(setting, findings, read, folder);
    if (text === undefined) continue;
    texts.set(path, text);
    if (holds === undefined) continue;
    const value = holds.kind.parse(text);
    if (value === undefined) findings.problemAt(path, `its content is invalid: expected ${holds.kind.expected}`);
    values.set(siblingOf(path, holds.name), value);
  }
  return { texts, values };
}

/** Where systemd puts the credentials of a service, else beside the configuration. */
export function folderOfFiles(environment: Environment, configurationFolder: string): string {
  return environment['CREDENTIALS_DIRECTORY'] ?? configurationFolder;
}

/** Their paths. */
export function namedFilePaths(settings: readonly Setting[], folder: string): readonly string[] {
  return settings.filter(({ content }) => content !== undefined).map(({ value }) => resolve(folder, String(value)));
}

/** Another option of the same section. */
export function siblingOf(path: string, name: string): string {
  return `${path.slice(0, path.lastIndexOf('.') + 1)}${name}`;
}

function textOf(
  { path: option, value, content }: Setting,
  findings: Findings,
  read: ReadTextFile,
  folder: string,
): string | undefined {
  const path = resolve(folder, String(value));
  try {
    const { text, mode } = read(path, BYTES_MAX);
    if (content?.confidential && (mode & OTHERS) !== 0) {
      findings.warnings.push(`${path} is world-readable; run chmod 600 ${path}`);
    }
    const trimmed = text.trim();
    if (trimmed !== '' && text.length <= BYTES_MAX) return trimmed;
    findings.problemAt(option, `${path} ${trimmed === '' ? 'is empty' : 'is longer than 64KiB'}`);
  } catch (error) {
    findings.problemAt(option, `cannot read ${path}: ${describeFileError(error)}`);
  }
  return undefined;
}

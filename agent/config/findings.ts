/** What loading a configuration finds out: a setting for each option, every problem with its place, and warnings. */
import type { FileContent } from '../options/option.ts';
import type { SectionFindings } from '../options/sink-options.ts';
import { visible } from '../terminal/visible-text.ts';

export type Origin =
  | { readonly from: 'default' }
  | { readonly from: 'file'; readonly line: number; readonly column: number }
  | { readonly from: 'environment'; readonly variable: string };

/** One resolved option. */
export interface Setting {
  /** `flowLogs[0].name`. */
  readonly path: string;
  readonly value: unknown;
  /** The value as text, in the form that the file has it; secrets are hidden already. */
  readonly shown: string;
  readonly origin: Origin;
  readonly secret: boolean;
  /** Where the value names a file, what counts of it. */
  readonly content?: FileContent | undefined;
}

export interface Problem {
  readonly path: string;
  /** What is wrong and what is accepted, without the place. */
  readonly message: string;
  readonly origin: Origin;
}

export class Findings {
  readonly settings: Map<string, Setting>;
  readonly problems: Problem[] = [];
  /** Sentences about what is allowed and probably not meant. */
  readonly warnings: string[] = [];

  constructor(settings: ReadonlyMap<string, Setting> = new Map()) {
    this.settings = new Map(settings);
  }

  problem(path: string, origin: Origin, message: string): void {
    this.problems.push({ path, message, origin });
  }

  /** Says the problem where the option is set; an option that is not set has the place of nothing. */
  problemAt(path: string, message: string): void {
    this.problem(path, this.settings.get(path)?.origin ?? { from: 'default' }, message);
  }

  /** Says the problem where the section is, which is where its first option is. */
  problemIn(section: string, message: string): void {
    this.problem(section, this.placeOf(section), message);
  }

  placeOf(section: string): Origin {
    const inside = [...this.settings.values()].filter(({ path }) => path.startsWith(`${section}.`));
    return inside.find(({ origin }) => origin.from !== 'default')?.origin ?? { from: 'default' };
  }

  /** Problems one a line, in the order of the file: `FILE:3:5: flowLogs[0].name: ...`. */
  report(file: string): string[] {
    const sorted = this.problems.toSorted((left, right) => position(left.origin) - position(right.origin));
    return sorted.map(({ path, message, origin }) => {
      const subject = path === '' ? '' : `${path}: `;
      return visible(`${describeOrigin(origin, file)}: ${subject}${message}`);
    });
  }
}

/** The findings of one section alone, under the names that its options have in it. */
export function findingsOf(findings: Findings, section: string): SectionFindings {
  const pathOf = (option: string) => `${section}.${option}`;
  return {
    path: pathOf,
    value: (option) => findings.settings.get(pathOf(option))?.value,
    isRefused: (option) => findings.problems.some(({ path }) => path === pathOf(option)),
    problemAt(option, message) {
      const isSet = findings.settings.has(pathOf(option));
      if (isSet) findings.problemAt(pathOf(option), message);
      else findings.problem(pathOf(option), findings.placeOf(section), message);
    },
    problem: (message) => findings.problemIn(section, message),
    warn: (sentence) => findings.warnings.push(sentence),
  };
}

/** `FILE:3:5`, a variable's name, or the file as a whole. */
export function describeOrigin(origin: Origin, file: string): string {
  if (origin.from === 'file') return `${file}:${origin.line}:${origin.column}`;
  return origin.from === 'environment' ? origin.variable : file;
}

function position(origin: Origin): number {
  return origin.from === 'file' ? origin.line * 10_000 + origin.column : Number.MAX_SAFE_INTEGER;
}

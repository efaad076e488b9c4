/** From a command's words to its typed values. */

import { parseArgs } from 'node:util';
import { OperationalError } from '../model/operational-error.ts';
import { nearestWord } from '../options/nearest.ts';
import {
  DURATION_FORMS,
  formatBytes,
  formatSeconds,
  parseBytes,
  parseInteger,
  parseSeconds,
  SIZE_FORMS,
} from '../options/quantity.ts';
import { TextOutput } from '../terminal/text-output.ts';
import type { Command, Invocation, Limits, OptionSpec, ProcessContext } from './command.ts';

/** Every command knows it. */
export const HELP_OPTION: OptionSpec = { name: 'help', short: 'h', description: 'Show this help.' };

/** The options of a command, the ones that all commands share included. */
export function allOptions(command: Command): readonly OptionSpec[] {
  return [...command.options, HELP_OPTION];
}

interface Words {
  /** Values by option name; a flag has one empty value for each time it was given. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
  readonly program: readonly string[];
}

/**
 * Parses the words that follow `flowlogd NAME`.
 * @throws OperationalError `usage.invalid`.
 */
export function createInvocation(command: Command, words: readonly string[], context: ProcessContext): Invocation {
  const parsed = parseWords(command, words);
  if (!parsed.values.has(HELP_OPTION.name)) {
    checkPositionals(command, parsed.positionals);
    checkCombinations(command, parsed.values);
  }
  return bindGetters(command, parsed, context);
}

function parseWords(command: Command, words: readonly string[]): Words {
  const specs = optionsByName(command);
  // Not parseArgs' strict mode: its messages know neither the command nor the nearest option.
  const { tokens } = parseArgs({
    args: [...words],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries([...specs].map(([name, spec]) => [name, parseArgsOption(spec, name)])),
  });
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  const program: string[] = [];
  let isBehindDashes = false;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') isBehindDashes = command.takesProgram === true;
    if (token.kind === 'positional') (isBehindDashes ? program : positionals).push(token.value);
    if (token.kind !== 'option') continue;
    const spec = specs.get(token.name);
    if (spec === undefined) throw unknownOption(command, token.rawName);
    const value = checkedValue(command, spec, token);
    values.set(spec.name, [...(values.get(spec.name) ?? []), value]);
  }
  return { values, positionals, program };
}

/** Under every name that an option has. */
function optionsByName(command: Command): ReadonlyMap<string, OptionSpec> {
  return new Map(
    allOptions(command).flatMap((option) => [option.name, ...(option.aliases ?? [])].map((name) => [name, option])),
  );
}

function parseArgsOption(
  spec: OptionSpec,
  name: string,
): { type: 'string' | 'boolean'; short?: string; multiple: true } {
  const type = spec.value === undefined ? 'boolean' : 'string';
  const short = name === spec.name ? spec.short : undefined;
  return short === undefined ? { type, multiple: true } : { type, short, multiple: true };
}

function checkedValue(
  command: Command,
  spec: OptionSpec,
  token: { readonly rawName: string; readonly value?: string | undefined; readonly inlineValue?: boolean | undefined },
): string {
  if (spec.value === undefined) {
    if (token.value === undefined) return '';
    throw usageError(command, `unexpected value '${token.value}': ${token.rawName} is a flag`);
  }
  // `--format --window 60` forgot a value; `-o -` names standard output.
  const swallowed = token.inlineValue !== true && token.value !== undefined && /^-./.test(token.value);
  if (token.value === undefined || swallowed) {
    throw usageError(command, `missing value: expected ${token.rawName} ${spec.value}`);
  }
  return token.value;
}

function unknownOption(command: Command, rawName: string): OperationalError {
  const nearest = rawName.startsWith('--') ? nearestWord(rawName.slice(2), optionsByName(command).keys()) : undefined;
  const hint = nearest === undefined ? '' : `; did you mean --${nearest}?`;
  return usageError(command, `unknown option ${rawName}${hint}`);
}

function checkPositionals(command: Command, positionals: readonly string[]): void {
  const { name, min, max } = command.positionals ?? { name: '', min: 0, max: 0 };
  if (positionals.length < min) throw usageError(command, `missing argument ${name}`);
  if (positionals.length > max) {
    throw usageError(command, `unexpected argument '${positionals[max] ?? ''}'`);
  }
}

/** An option without effect is a misunderstanding, and is refused. */
function checkCombinations(command: Command, given: Words['values']): void {
  for (const { name, excludes = [], requires } of command.options) {
    if (!given.has(name)) continue;
    if (excludes.some((other) => given.has(other))) {
      const others = excludes.map((other) => `--${other}`).join(' or ');
      throw usageError(command, `--${name} cannot be combined with ${others}`);
    }
    if (requires !== undefined && !given.has(requires)) throw usageError(command, `--${name} requires --${requires}`);
  }
}

function usageError(command: Command, problem: string): OperationalError {
  return new OperationalError('usage.invalid', `${command.name}: ${problem} (see flowlogd ${command.name} --help)`);
}

function bindGetters(command: Command, words: Words, context: ProcessContext): Invocation {
  const specs = new Map(allOptions(command).map((option) => [option.name, option]));
  const spec = (name: string): OptionSpec => {
    const known = specs.get(name);
    if (known === undefined) throw new Error(`the command ${command.name} has no option --${name} in its table`);
    return known;
  };
  const string = (name: string): string | undefined => words.values.get(spec(name).name)?.at(-1) ?? spec(name).default;
  const required = (name: string): string => {
    const value = string(name);
    if (value === undefined) throw usageError(command, `missing option --${name} ${spec(name).value ?? ''}`.trimEnd());
    return value;
  };
  const quantity = (name: string, kind: QuantityKind, limits: Limits | undefined): number => {
    const text = required(name);
    const value = kind.parse(text);
    if (value !== undefined && isWithin(value, limits)) return value;
    throw usageError(command, `invalid --${name} '${text}': expected ${kind.forms}${describeLimits(kind, limits)}`);
  };
  return {
    // A getter, because looking at it makes the stream; and below, because looking at the signal takes the process's signals over.
    get stdin() {
      return context.stdin;
    },
    stdout: new TextOutput(context.stdout),
    stderr: new TextOutput(context.stderr),
    env: context.env,
    get signal() {
      return context.signal;
    },
    onHangUp: (listener) => context.onHangUp(listener),
    onStatusRequest: (listener) => context.onStatusRequest(listener),
    confine: (programs) => context.confine(programs),
    limitFiles: (opened) => context.limitFiles(opened),
    positionals: words.positionals,
    program: words.program,
    has: (name) => words.values.has(spec(name).name),
    string,
    required,
    strings: (name) => words.values.get(spec(name).name) ?? [],
    flag: (name) => words.values.has(spec(name).name),
    integer: (name, limits) => quantity(name, INTEGER, limits),
    seconds: (name, limits) => quantity(name, DURATION, limits),
    bytes: (name, limits) => quantity(name, SIZE, limits),
    choice: (name, accepted) => {
      const text = required(name);
      const found = accepted.find((value) => value === text);
      if (found !== undefined) return found;
      const nearest = nearestWord(text, accepted);
      const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
      throw usageError(command, `invalid --${name} '${text}': expected one of ${accepted.join(', ')}${hint}`);
    },
  };
}

interface QuantityKind {
  readonly forms: string;
  parse(text: string): number | undefined;
  format(value: number): string;
}
const INTEGER: QuantityKind = { forms: 'a whole number', parse: parseInteger, format: String };
const DURATION: QuantityKind = { forms: DURATION_FORMS, parse: parseSeconds, format: formatSeconds };
const SIZE: QuantityKind = { forms: SIZE_FORMS, parse: parseBytes, format: formatBytes };

function isWithin(value: number, limits: Limits | undefined): boolean {
  return value >= (limits?.min ?? Number.NEGATIVE_INFINITY) && value <= (limits?.max ?? Number.POSITIVE_INFINITY);
}

function describeLimits(kind: QuantityKind, limits: Limits | undefined): string {
  const { min, max } = limits ?? {};
  if (min !== undefined && max !== undefined) return `, from ${kind.format(min)} to ${kind.format(max)}`;
  if (min !== undefined) return `, at least ${kind.format(min)}`;
  return max === undefined ? '' : `, at most ${kind.format(max)}`;
}

/** A kind of sink as the configuration sees it: the table of kinds is handed to the loader, which knows none of them. */
import type { SinkPlan } from '../model/sink-plan.ts';
import type { Fields, SectionNode } from './option.ts';

/** What the checks of a section find out; options are named as in the table. */
export interface SectionFindings {
  /** Of the option in the file: `sinks.archive.topicId`. */
  path(option: string): string;
  /** Undefined for one that is not set, or not valid in itself. */
  value(option: string): unknown;
  /** Whether something is wrong with it already. */
  isRefused(option: string): boolean;
  problemAt(option: string, message: string): void;
  /** Of the section as a whole. */
  problem(message: string): void;
  /** A sentence about what is allowed and probably not meant. */
  warn(sentence: string): void;
}

/** What options may depend on beside each other. */
export interface HostAbilities {
  /** Whether this Node can compress with zstd. */
  readonly zstd: boolean;
}

export interface SinkOptions {
  /** As `type` names it. */
  readonly kind: string;
  readonly section: SectionNode<Fields, false>;
  /** A section at the top of the file that was a sink of this kind before there were several; it is read as one of that name. */
  readonly formerSection?: string;
  /** Contradictions between options that are valid in themselves. */
  check(section: SectionFindings, host: HostAbilities): void;
  /**
   * Called without problems only.
   *
   * @param values of the section, secrets from files among them
   * @param text what the file holds that an option names; undefined where it names none
   */
  plan(name: string, values: Readonly<Record<string, unknown>>, text: (option: string) => string | undefined): SinkPlan;
}

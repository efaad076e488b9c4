/** What a flow log records: its fields, the values of those that the host cannot know, and the length of its windows. */
import type { FlowLog } from '../model/flow-log.ts';
import { columnsOf, constantsOf, expandWords } from '../record/catalogue.ts';
import type { Findings } from './findings.ts';
import type { FlowLogOptions, Options } from './schema.ts';

type Constants = Options['constants'];

const WINDOW_SECONDS = { NETWORKINTERFACE: 300, NAT: 300, CCN: 60 } as const;
/** What the cloud takes as the period of such a flow log. */
const CCN_WINDOW_SECONDS: readonly number[] = [60, 300, 600];

export function windowSecondsOf({ windowSeconds, resourceType }: FlowLogOptions): number {
  return windowSeconds ?? WINDOW_SECONDS[resourceType];
}

/** @param shared constants of all flow logs */
export function rowOf(flowLog: FlowLogOptions, shared: Constants): Pick<FlowLog, 'fields' | 'constants'> {
  const values = { ...valuesByField(shared), ...valuesByField(flowLog.constants) };
  const valued = shownConstants(flowLog).filter((name) => values[name] !== undefined);
  return {
    fields: expandWords(flowLog.fields),
    constants: Object.fromEntries(valued.map((name) => [name, values[name]!])),
  };
}

function shownConstants({ resourceType, fields }: FlowLogOptions): readonly string[] {
  return constantsOf(columnsOf(resourceType, expandWords(fields))!);
}

function valuesByField(constants: Constants): Record<string, string> {
  const set = Object.entries(constants).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(set.map(([option, value]) => [fieldOfConstant(option), value]));
}

/** `vpcId` is the field `vpc-id`. */
export function fieldOfConstant(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Sentences about fields that will be empty in every record. */
export function rowWarnings(flowLog: FlowLogOptions, shared: Constants): string[] {
  const { constants } = rowOf(flowLog, shared);
  const missing = shownConstants(flowLog).filter((field) => constants[field] === undefined);
  if (missing.length === 0) return [];
  return [`the flow log ${flowLog.name} records ${missing.join(', ')} without a value; give it one under constants`];
}

/** A name can be one column only, and CCN has windows of its own. */
export function checkRow(findings: Findings, entry: string): void {
  const value = (option: string) => findings.settings.get(`${entry}.${option}`)?.value;
  const words = value('fields');
  if (Array.isArray(words)) {
    const names = expandWords(words as string[]);
    const repeated = names.find((name, index) => names.indexOf(name) !== index);
    if (repeated !== undefined) findings.problemAt(`${entry}.fields`, `the field '${repeated}' is in it twice`);
  }
  const period = value('windowSeconds');
  if (value('resourceType') === 'CCN' && typeof period === 'number' && !CCN_WINDOW_SECONDS.includes(period)) {
    const accepted = CCN_WINDOW_SECONDS.join(', ');
    findings.problemAt(`${entry}.windowSeconds`, `a flow log of type CCN has windows of ${accepted} seconds`);
  }
}

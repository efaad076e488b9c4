/** What a flow log records: its fields, the values of those that the host cannot know, and the length of its windows. */

import type { AnnotationSource } from '../../schema/field.ts';
import type { FlowLog } from '../model/flow-log.ts';
import { columnsOf, constantsOf } from '../record/field-columns.ts';
import { expandWords } from '../record/row-formats.ts';
import { fieldOfConstant } from './constants.ts';
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
  const fields = expandWords(flowLog.fields);
  const shown = constantsOf(columnsOf(flowLog.resourceType, fields)!);
  const valued = shown.filter((name) => values[name] !== undefined);
  return {
    fields,
    constants: Object.fromEntries(valued.map((name) => [name, values[name]!])),
  };
}

function valuesByField(constants: Constants): Record<string, string> {
  const set = Object.entries(constants).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(set.map(([option, value]) => [fieldOfConstant(option), value]));
}

/** Sentences about fields that will be empty in every record, and about records that there will never be. */
export function rowWarnings(flowLog: FlowLogOptions, host: Pick<Options, 'constants' | 'regions'>): string[] {
  const { name, resourceType, trafficType, rejects } = flowLog;
  const columns = columnsOf(resourceType, expandWords(flowLog.fields))!;
  const labelsOf = (evidence: AnnotationSource) =>
    columns.filter(({ field }) => field.evidence === evidence && field.name !== 'action').map(({ label }) => label);
  const { constants } = rowOf(flowLog, host.constants);
  const empty = [
    [constantsOf(columns).filter((field) => constants[field] === undefined), 'set it under constants'],
    [host.regions.length > 0 ? [] : labelsOf('regions'), 'requires regions'],
    [resourceType === 'NAT' ? [] : labelsOf('conntrack'), 'supported for type NAT only'],
    [rejects === undefined ? labelsOf('packet-filter') : [], 'requires rejects'],
  ] as const;
  return [
    ...empty
      .filter(([fields]) => fields.length > 0)
      .map(([fields, why]) => `the flow log ${name} has no value for ${fields.join(', ')}: ${why}`),
    ...(trafficType === 'REJECT' && rejects === undefined
      ? [`the flow log ${name} ships rejected traffic only, which requires rejects`]
      : []),
  ];
}

/** A name can be one column only, and CCN has windows of its own. */
export function checkRow(findings: Findings, entry: string): void {
  const value = (option: string) => findings.settings.get(`${entry}.${option}`)?.value;
  const words = value('fields');
  if (Array.isArray(words)) {
    const names = expandWords(words as string[]);
    const repeated = names.find((name, index) => names.indexOf(name) !== index);
    if (repeated !== undefined) findings.problemAt(`${entry}.fields`, `duplicate field '${repeated}'`);
  }
  const period = value('windowSeconds');
  if (value('resourceType') === 'CCN' && typeof period === 'number' && !CCN_WINDOW_SECONDS.includes(period)) {
    const accepted = CCN_WINDOW_SECONDS.join(', ');
    findings.problemAt(`${entry}.windowSeconds`, `expected ${accepted} seconds for type CCN`);
  }
}

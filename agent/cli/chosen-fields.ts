/** `--fields 'srcaddr dstaddr tcp-flags'`: what records on the terminal say. */

import { type FlowLog, ROW_DEFAULTS } from '../model/flow-log.ts';
import { OperationalError } from '../model/operational-error.ts';
import { nearestWord } from '../options/nearest.ts';
import { FIELD_NAMES } from '../record/catalogue.ts';
import { expandWords, fieldWord } from '../record/row-formats.ts';
import type { Invocation, OptionSpec } from './command.ts';

export const FIELDS_OPTION: OptionSpec = {
  name: 'fields',
  value: 'LIST',
  description:
    "Fields to output, in order: names of docs/formats.md, such as 'srcaddr dstaddr tcp-flags', or eni, nat or " +
    'ccn for all fields of that row.',
};

/**
 * The defaults without the option. A list that has the row of NAT or CCN in it is printed as one of theirs.
 *
 * @throws OperationalError `usage.invalid`
 */
export function chosenFields(invocation: Invocation, command: string): Pick<FlowLog, 'resourceType' | 'fields'> {
  if (!invocation.has('fields')) return ROW_DEFAULTS;
  const refused = (problem: string) =>
    new OperationalError('usage.invalid', `${command}: --fields: ${problem} (see flowlogd ${command} --help)`);
  const words = invocation
    .required('fields')
    .split(/[\s,]+/)
    .filter((word) => word !== '')
    .map((text) => {
      const word = fieldWord(text);
      if (word !== undefined) return word;
      const nearest = nearestWord(text, FIELD_NAMES);
      throw refused(`unknown field '${text}'${nearest === undefined ? '' : `; did you mean ${nearest}?`}`);
    });
  const fields = expandWords(words);
  const repeated = fields.find((name, index) => fields.indexOf(name) !== index);
  if (repeated !== undefined) throw refused(`duplicate field '${repeated}'`);
  if (fields.length === 0) throw refused('expected at least one field');
  const resourceType = words.includes('ccn') ? 'CCN' : words.includes('nat') ? 'NAT' : 'NETWORKINTERFACE';
  return { resourceType, fields };
}

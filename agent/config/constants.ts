/** The options of what only the configuration knows: one for each constant of the list of fields. */
import { type ConstantName, FIELDS } from '../../schema/fields.ts';
import { pattern } from '../options/kinds.ts';
import { optional } from '../options/option.ts';

/** The field `vpc-id` is the option `vpcId`. */
type OptionName<Field extends string> = Field extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<OptionName<Tail>>}`
  : Field;

const CONSTANT = pattern('1 to 128 of the characters A-Z a-z 0-9 . _ : / @ -', /^[\w.:/@-]{1,128}$/);

const ROWS = FIELDS.flatMap(({ name, source, example }) => {
  if (source !== 'constant') return [];
  return [[optionOfConstant(name), optional(CONSTANT, { description: `The field \`${name}\`.`, example })] as const];
});

export const CONSTANT_OPTIONS = Object.fromEntries(ROWS) as {
  readonly [Name in ConstantName as OptionName<Name>]: (typeof ROWS)[number][1];
};

function optionOfConstant(field: string): string {
  return field.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export function fieldOfConstant(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

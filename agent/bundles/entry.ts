#!/usr/bin/env node
/** What lies in dist/ under the path of the command, of a thread or of a process, and is run: it chooses the bundle. */
import { join } from 'node:path';
import { runBundle } from './run-bundle.ts';

/** Put in by scripts/bundle/: the first words that have a bundle of their own, and the bundle of all others. */
declare const BUNDLE_OF_WORD: readonly (readonly [word: string, bundle: string])[];
declare const BUNDLE: string;
/** From here to the folder that the paths of modules are relative to. */
declare const TO_ROOT: string;

const bundle = new Map(BUNDLE_OF_WORD).get(process.argv[2] ?? '') ?? BUNDLE;
runBundle(bundle, __dirname, join(__dirname, TO_ROOT), require);

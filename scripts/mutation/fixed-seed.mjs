/** Properties try the same cases at each mutant, so that a score changes with the tests alone; and do not shrink what kills one. */
import fc from 'fast-check';

fc.configureGlobal({ seed: 20_261_130, endOnFailure: true });

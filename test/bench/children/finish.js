'use strict';

// Ends a measuring process: its result as JSON on stdout, or its error. What a client keeps alive is
// not what is measured.

/** @param {(plan: object) => Promise<object>} main */
function finish(main) {
  main(JSON.parse(process.argv[2])).then(
    (result) => {
      if (result) console.log(JSON.stringify(result));
      process.exit(0);
    },
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}

module.exports = { finish };

// Our own client plays the same scenarios as the official ones, with the same results.
'use strict';

const native = require('../..');
const { ownClient } = require('./clients/own');
const { testScenarios } = require('./scenario-tests');

testScenarios((options) => ownClient(native, { options }));

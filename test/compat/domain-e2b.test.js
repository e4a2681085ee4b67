// Domain mode with the client `e2b`: host names, TLS and HTTP/2, as against the cloud.
'use strict';

const { testInDomainMode } = require('./domain-tests');

testInDomainMode('e2b');

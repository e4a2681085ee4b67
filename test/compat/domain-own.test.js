// Domain mode with the client `own`: host names, TLS and HTTP/2, as against the cloud.
'use strict';

const { testInDomainMode } = require('./domain-tests');

testInDomainMode('own');

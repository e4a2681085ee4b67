'use strict';

// Everything that the clients are measured against: the stub, nginx in front of it when HTTP/2 is
// asked for, and the plain libcurl client, which is compiled as they are.

const { compile, temporaryFolder } = require('./compile');
const { Stub } = require('./stub');
const { TlsFront } = require('./tls-front');

class FarEnd {
  #folder;
  #stub;
  #front;
  #atExit;

  constructor(folder, rawFile, stub, front) {
    this.#folder = folder;
    this.#atExit = () => folder.remove();
    process.once('exit', this.#atExit);
    this.rawFile = rawFile;
    this.#stub = stub;
    this.#front = front;
  }

  /**
   * @param {boolean} withTls also over HTTP/2: TlsFront.missing must be null
   * @returns {Promise<FarEnd>}
   */
  static async start(withTls) {
    const folder = temporaryFolder();
    let stub = null;
    try {
      const rawFile = compile(folder.path, 'raw', ['clients/raw.c'], ['-lcurl']);
      stub = await Stub.start();
      const front = withTls ? await TlsFront.start(stub) : null;
      return new FarEnd(folder, rawFile, stub, front);
    } catch (error) {
      folder.remove();
      await stub?.close();
      throw error;
    }
  }

  /** What a client needs in its environment, on the road 'h1' or 'h2'. */
  env(road) {
    return road === 'h2' ? { ...this.#stub.env, ...this.#front.env } : this.#stub.env;
  }

  /** What the stub, and nginx on the road 'h2', have counted. */
  async usage(road) {
    const front = road === 'h2' ? await this.#front.usage() : {};
    return { ...(await this.#stub.usage()), ...front };
  }

  async close() {
    process.removeListener('exit', this.#atExit);
    this.#folder.remove();
    await this.#front?.close();
    await this.#stub.close();
  }
}

module.exports = { FarEnd };

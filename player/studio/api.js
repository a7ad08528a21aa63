/** The studios' API. */

import { SignedInClient } from "../api.js";

/**
 * @typedef {object} Listed
 * @property {string} delivery_id
 * @property {string} version_id
 * @property {string | null} title_id
 * @property {string | null} title_name
 * @property {"original" | "licensed" | null} priority
 * @property {string} stage
 * @property {"pass" | "review" | "fail" | null} verdict
 * @property {string} delivered_at
 * @property {string} updated_at
 * @property {number | null} size_bytes
 * @property {Encoding | null} encoding  none: nobody has looked yet
 */

/**
 * @typedef {object} JobCounts
 * @property {number} total
 * @property {number} done
 * @property {number} running
 * @property {number} failed
 */

/**
 * @typedef {object} Encoding
 * @property {string} at              when somebody looked
 * @property {boolean} finished
 * @property {JobCounts} jobs         all steps
 * @property {JobCounts} chunks       those of them that encode chunks
 * @property {string | null} eta      when all should be done; none: nobody can say, or all is
 * @property {number | null} usd      what was spent up to then
 * @property {{waiting: number, running: number}} queue  jobs of all titles; at most 1,000 are counted
 */

/**
 * @typedef {object} Span
 * @property {number} start_s
 * @property {number} end_s
 * @property {number} first_frame
 * @property {number} last_frame
 * @property {string} timecode
 * @property {string | null} still  the name of a picture of it
 */

/**
 * @typedef {object} Check
 * @property {string} check
 * @property {"pass" | "review" | "fail"} verdict
 * @property {number | null} measured
 * @property {string} unit
 * @property {string} threshold
 * @property {string} message
 * @property {Span[]} at
 */

/**
 * How hard the picture is to encode.
 *
 * @typedef {object} Complexity
 * @property {number} overall
 * @property {number} spatial_mean
 * @property {number} spatial_max
 * @property {number} temporal_mean
 * @property {number} temporal_max
 * @property {number} motion_percent
 * @property {number | null} grain  none: it cannot be told
 * @property {number} dark_percent
 * @property {{width: number, height: number}} active  the picture without its bars
 */

/**
 * @typedef {object} Rendition
 * @property {string} rung
 * @property {string} codec
 * @property {number} width
 * @property {number} height
 * @property {number} bitrate_kbps
 * @property {number} vmaf_mean
 */

/**
 * @typedef {object} Rejection
 * @property {string} rung
 * @property {number} vmaf_mean
 * @property {number} vmaf_p5
 * @property {number} floor_mean
 * @property {number} floor_p5         0: it is held to none
 * @property {number} raised
 * @property {string} worst_timecode
 * @property {number} worst_vmaf
 * @property {string[]} stills         the worst frame, of the source and of the rendition, by their names
 * @property {{timecode: string, vmaf: number, stills: string[]}[]} others  the worst of other chunks, the worst first
 */

/**
 * @typedef {object} Probe
 * @property {number} width
 * @property {number} height
 * @property {number} crf
 * @property {number} kbps
 * @property {number} vmaf
 */

/**
 * @typedef {object} FixedRung
 * @property {string} rung
 * @property {number} width
 * @property {number} height
 * @property {number} kbps
 * @property {number} vmaf
 */

/**
 * @typedef {object} Savings
 * @property {number | null} equal_vmaf_pct
 * @property {{rung: string, hull_kbps: number, saving_pct: number}[]} equal_vmaf
 * @property {number} at_target_pct
 * @property {boolean} fixed_misses_target
 */

/**
 * @typedef {object} CodecLadder
 * @property {string} codec
 * @property {Probe[]} probes
 * @property {Probe[]} hull       by rising rate
 * @property {(Probe & {rung: string})[]} rungs  the best first
 * @property {FixedRung[]} fixed
 * @property {Savings} savings
 * @property {(Probe & {rung: string})[]} hdr10  the best first
 */

/**
 * @typedef {object} Ladder
 * @property {number} vmaf_target
 * @property {number} margin
 * @property {number} excerpts
 * @property {number} excerpt_frames
 * @property {number} search_frames
 * @property {number} fixed_frames
 * @property {number} grid_frames
 * @property {CodecLadder[]} ladders
 */

/**
 * @typedef {object} Details
 * @property {{until: string | null, escalated: boolean} | null} review
 * @property {Check[]} checks
 * @property {Complexity | null} complexity  none: not measured
 * @property {{code: string, subject: string, message: string, remedy: string}[]} findings
 * @property {Rendition[]} renditions
 * @property {Ladder | null} ladder      none: it is not packaged, or its ladder was not searched for
 * @property {Rejection[]} rejections    what the quality gate has turned away
 * @property {{at: string, event: string, message: string}[]} history  the oldest first
 *
 * @typedef {Omit<Listed, "delivery_id"> & Details} Version
 */

const DELIVERIES = "/api/ingest/deliveries";
const PAGE = 50;

/** Calls the API as the signed-in studio. */
export class StudioApi {
  #client;

  /** @param {import("../auth.js").Auth} auth */
  constructor(auth) {
    this.#client = new SignedInClient(auth);
  }

  /**
   * Return a page of the deliveries, the newest first.
   *
   * @param {object} query
   * @param {string} query.stage  only of this stage; of all if empty
   * @param {string | null} query.cursor  where the page before ended
   * @returns {Promise<{deliveries: Listed[], cursor: string | null}>}
   */
  deliveries({ stage, cursor }) {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (stage) query.set("stage", stage);
    if (cursor) query.set("cursor", cursor);
    return this.#client.json("GET", `${DELIVERIES}?${query}`);
  }

  /**
   * Return all versions of a delivery, the newest first.
   *
   * @param {string} deliveryId
   * @returns {Promise<{delivery_id: string, versions: Version[]}>}
   */
  delivery(deliveryId) {
    return this.#client.json("GET", `${DELIVERIES}/${encodeURIComponent(deliveryId)}`);
  }

  /**
   * Fetch a picture. It needs the bearer token, which an `img` does not send.
   *
   * @param {string} path  as `stillPath` makes it
   * @returns {Promise<Blob>}
   */
  async still(path) {
    return (await this.#client.send("GET", path)).blob();
  }
}

/**
 * Return where a picture is.
 *
 * @param {string} deliveryId
 * @param {string} versionId
 * @param {string} name
 */
export function stillPath(deliveryId, versionId, name) {
  const [delivery, version, still] = [deliveryId, versionId, name].map(encodeURIComponent);
  return `${DELIVERIES}/${delivery}/versions/${version}/stills/${still}`;
}

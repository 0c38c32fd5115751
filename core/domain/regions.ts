/** Names of subdivisions by country, each with the part of its ISO 3166-2 code behind the country's. */
const names: Readonly<Record<string, string>> = {
  DE: 'BW Baden-Württemberg|BY Bayern|BY Bavaria|BE Berlin|BB Brandenburg|HB Bremen|HH Hamburg|HE Hessen|HE Hesse|MV Mecklenburg-Vorpommern|NI Niedersachsen|NI Lower Saxony|NW Nordrhein-Westfalen|NW North Rhine-Westphalia|RP Rheinland-Pfalz|RP Rhineland-Palatinate|SL Saarland|SN Sachsen|SN Saxony|ST Sachsen-Anhalt|ST Saxony-Anhalt|SH Schleswig-Holstein|TH Thüringen|TH Thuringia',
  AT: '1 Burgenland|2 Kärnten|2 Carinthia|3 Niederösterreich|3 Lower Austria|4 Oberösterreich|4 Upper Austria|5 Salzburg|6 Steiermark|6 Styria|7 Tirol|7 Tyrol|8 Vorarlberg|9 Wien|9 Vienna',
  CH: 'AG Aargau|AR Appenzell Ausserrhoden|AI Appenzell Innerrhoden|BL Basel-Landschaft|BS Basel-Stadt|BE Bern|FR Freiburg|FR Fribourg|GE Genève|GE Geneva|GL Glarus|GR Graubünden|JU Jura|LU Luzern|LU Lucerne|NE Neuchâtel|NW Nidwalden|OW Obwalden|SG St. Gallen|SH Schaffhausen|SZ Schwyz|SO Solothurn|TG Thurgau|TI Ticino|UR Uri|VS Valais|VS Wallis|VD Vaud|ZG Zug|ZH Zürich|ZH Zurich',
  GB: 'ENG England|SCT Scotland|WLS Wales|NIR Northern Ireland',
  US: 'AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware|DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas|KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi|MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York|NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|RI Rhode Island|SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|WA Washington|WV West Virginia|WI Wisconsin|WY Wyoming',
  CA: 'AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|NL Newfoundland and Labrador|NT Northwest Territories|NS Nova Scotia|NU Nunavut|ON Ontario|PE Prince Edward Island|QC Quebec|QC Québec|SK Saskatchewan|YT Yukon',
  AU: 'NSW New South Wales|QLD Queensland|SA South Australia|TAS Tasmania|VIC Victoria|WA Western Australia|ACT Australian Capital Territory|NT Northern Territory',
}

const codes: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map(
  Object.entries(names).map(([country, list]) => [
    country,
    new Map(
      list.split('|').flatMap((line) => {
        const cut = line.indexOf(' ')
        const code = line.slice(0, cut)
        return [
          [plain(code), code],
          [plain(line.slice(cut + 1)), code],
        ] as const
      }),
    ),
  ]),
)

/**
 * The ISO 3166-2 code, such as `DE-BE`, of a region noted by its name, its code or its code with the country. Undefined
 * where it is not known for sure.
 */
export function regionCode(country: string, region: string): string | undefined {
  const text = plain(region)
  const prefix = `${country.toLowerCase()}-`
  const known = codes.get(country)
  const name = text.startsWith(prefix) ? text.slice(prefix.length) : text
  if (known !== undefined) {
    const code = known.get(text) ?? known.get(name)
    return code === undefined ? undefined : `${country}-${code}`
  }
  // Of other countries we know the form alone, and take only what is written as a whole code.
  return text.startsWith(prefix) && /^[a-z0-9]{1,3}$/.test(name)
    ? `${country}-${name.toUpperCase()}`
    : undefined
}

/** Without case, accents and spaces at the ends. */
function plain(text: string): string {
  return text.normalize('NFD').replaceAll(/\p{M}/gu, '').trim().toLowerCase()
}

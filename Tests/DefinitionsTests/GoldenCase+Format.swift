// Broken definitions of one kind, each as the files that make an otherwise good project bad and what is said.
// The table is data alone; BrokenDefinitionTests runs it over the good project of GoldenCase.
// What is said is compared word for word: a better message changes its row here.

extension GoldenCase {
  static let format: [GoldenCase] = [
    GoldenCase(
      name: "encodings that are none",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { encoding: utf-16 }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:21: the encoding "utf-16" does not say which byte comes first
          fix: write utf-16le (usual on Windows: the file begins with the bytes FF FE) or utf-16be (FE FF)
        """#),
    GoldenCase(
      name: "encodings that are none (2)",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { encoding: windows-1253 }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:21: the encoding "windows-1253" is not supported; supported: utf-8, utf-16le, utf-16be, windows-1252, latin-1
          fix: did you mean "windows-1252"?
        """#),
    GoldenCase(
      name: "encodings that are none (3)",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { encoding: ebcdic }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:21: the encoding "ebcdic" is not supported; supported: utf-8, utf-16le, utf-16be, windows-1252, latin-1
          fix: convert the file first: iconv -f ENCODING -t utf-8
        """#),
    GoldenCase(
      name: "encodings that are none (4)",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { encoding: [utf-8] }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:21: "encoding" must be a single value, not a list
        """#),
    GoldenCase(
      name: "bytes that cannot separate or quote",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { delimiter: "\0", quote: "\n" }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:22: "delimiter" cannot be a NUL byte, which no value may hold
          fix: write ",", ";", "|", "\t" or "\u0001"
        error: Jobs/feeds/payments.yaml:3:35: "quote" cannot be a line end
          fix: write '"', or none
        """#),
    GoldenCase(
      name: "bytes that cannot separate or quote (2)",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { delimiter: "a", quote: "7" }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:22: "delimiter" cannot be a letter or a digit, which values are made of: "a"
          fix: write ",", ";", "|", "\t" or "\u0001"
        error: Jobs/feeds/payments.yaml:3:34: "quote" cannot be a letter or a digit, which values are made of: "7"
          fix: write '"', or none
        """#),
    GoldenCase(
      name: "bytes that cannot separate or quote (3)",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { delimiter: "§", encoding: cp1252 }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:22: "delimiter" must be an ASCII character: files in windows-1252 are turned into UTF-8 before they are cut, and "§" has two bytes there
          fix: write ",", ";", "|", "\t" or "\u0001"
        """#),
    GoldenCase(
      name: "bytes that cannot separate or quote (4)",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { delimiter: "§" }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:22: "delimiter" must be one ASCII character, not "§"
          fix: write ",", ";", "|", "\t" or "\u0001"
        """#),
    GoldenCase(
      name: "bytes that cannot separate or quote (5)",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { quote: "'", grouping_mark: "'" }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:18: the quote is also a mark inside numbers
        """#),
    GoldenCase(
      name: "negatives that are none",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { negatives: [brackets, trailing_minsu, parentheses, parentheses] }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:23: "brackets" is not a value of "negatives"
          fix: use one of: parentheses, trailing_minus
        error: Jobs/feeds/payments.yaml:3:33: "trailing_minsu" is not a value of "negatives"
          fix: did you mean "trailing_minus"?
        error: Jobs/feeds/payments.yaml:3:62: "parentheses" is in "negatives" twice
        """#),
    GoldenCase(
      name: "negatives that are none (2)",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { negatives: parentheses }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:22: "negatives" must be a list, not a single value
        """#),
    GoldenCase(
      name: "limits of a file that are none",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { max_record_bytes: 1MB, max_record_lines: 0, max_file_bytes: 99999999TiB }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:29: "1MB" is not a number of bytes for "max_record_bytes"
          fix: write a whole number, alone or with its unit: 65536, 64KiB, 1MiB, 10GiB, 1TiB
        error: Jobs/feeds/payments.yaml:3:52: "max_record_lines" must be a whole number from 1 to 1000000, not "0"
        error: Jobs/feeds/payments.yaml:3:71: "99999999TiB" is not a number of bytes for "max_file_bytes"
          fix: write a whole number, alone or with its unit: 65536, 64KiB, 1MiB, 10GiB, 1TiB
        """#),
    GoldenCase(
      name: "limits of a file that are none (2)",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { max_record_bytes: 1GiB, max_record_lines: 1.5, max_file_bytes: -1 }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:29: "max_record_bytes" must be from 16 to 256MiB, not "1GiB"
        error: Jobs/feeds/payments.yaml:3:53: "max_record_lines" must be a whole number from 1 to 1000000, not "1.5"
        error: Jobs/feeds/payments.yaml:3:74: "-1" is not a number of bytes for "max_file_bytes"
          fix: write a whole number, alone or with its unit: 65536, 64KiB, 1MiB, 10GiB, 1TiB
        """#),
    GoldenCase(
      name: "limits of a file that are none (3)",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { max_record_bytes: 8, max_record_lines: many, max_file_bytes: 1 MiB }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:29: "max_record_bytes" must be from 16 to 256MiB, not "8"
        error: Jobs/feeds/payments.yaml:3:50: "max_record_lines" must be a whole number from 1 to 1000000, not "many"
        error: Jobs/feeds/payments.yaml:3:72: "1 MiB" is not a number of bytes for "max_file_bytes"
          fix: write a whole number, alone or with its unit: 65536, 64KiB, 1MiB, 10GiB, 1TiB
        """#),
    GoldenCase(
      name: "a null token that comes twice",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        format: { nulls: ["", NA, NA] }
        columns:
          payment_id: { type: bigint }
          amount: { type: "decimal(14,2)", control: sum_by(currency) }
          currency: { type: text, nulls: [x, x] }
          web: { type: text, constant: w, trim: true, nulls: [a] }
          b: { type: text, trim: maybe }
          c: { type: text, nulls: "" }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:3:27: "NA" is in "nulls" twice
        error: Jobs/feeds/payments.yaml:7:38: "x" is in "nulls" twice
        error: Jobs/feeds/payments.yaml:8:35: "trim" is for what is read from the file, and this column is a constant
          fix: remove trim or constant
        error: Jobs/feeds/payments.yaml:8:47: "nulls" is for what is read from the file, and this column is a constant
          fix: remove nulls or constant
        error: Jobs/feeds/payments.yaml:9:26: "trim" must be true or false, not "maybe"
        error: Jobs/feeds/payments.yaml:10:27: "nulls" must be a list, not a single value
        """#),
    GoldenCase(
      name: "formats of twelve hours, centuries and epochs",
      files: [
        "Jobs/feeds/payments.yaml": #"""
        feed: payments
        files: payments_*.csv
        columns:
          a: { type: timestamp, format: dd/MM/yy hh:mm }
          b: { type: timestamp, format: dd/MM/yy HH:mm a }
          c: { type: date, format: dd/MM/yy(30) }
          d: { type: date, format: dd/MM/yy yyyy }
          e: { type: timestamp, format: epoch }
          f: { type: date, format: epoch_ms }
          g: { type: timestamptz, format: "yyyy-MM-dd'T'HH:mm:ss'Z'" }
          h: { type: timestamp, format: yyyy-MM-dd HH:mm:ss.SSSSSSSSSS }
          i: { type: date, format: MMM MMMM yyyy dd }
          j: { type: timestamptz, format: epoch_us }
          k: { type: date, format: dd/MM/yy(19300) }
        """#
      ],
      says: #"""
        error: Jobs/feeds/payments.yaml:4:33: "dd/MM/yy hh:mm" cannot be the format of a timestamp: an hour of 1 to 12 (hh) and AM or PM (a) go together; hours of 0 to 23 are HH
        error: Jobs/feeds/payments.yaml:5:33: "dd/MM/yy HH:mm a" cannot be the format of a timestamp: an hour of 1 to 12 (hh) and AM or PM (a) go together; hours of 0 to 23 are HH
        error: Jobs/feeds/payments.yaml:6:28: "dd/MM/yy(30)" cannot be the format of a date: yy( ) holds the first of the hundred years that two digits can mean: yy(1930)
        error: Jobs/feeds/payments.yaml:7:28: "dd/MM/yy yyyy" cannot be the format of a date: it needs one year (yyyy or yy), one month (MM, MMM or MMMM) and one day (dd), or is epoch or epoch_ms
        error: Jobs/feeds/payments.yaml:8:33: "epoch" cannot be the format of a timestamp: an epoch is a moment and belongs to timestamptz
        error: Jobs/feeds/payments.yaml:9:28: "epoch_ms" cannot be the format of a date: an epoch is a moment and belongs to timestamptz
        error: Jobs/feeds/payments.yaml:10:35: "yyyy-MM-dd'T'HH:mm:ss'Z'" cannot be the format of a timestamptz: a quoted 'Z' says nothing about the zone; write XXX, which reads Z and +01:00
        error: Jobs/feeds/payments.yaml:11:33: "yyyy-MM-dd HH:mm:ss.SSSSSSSSSS" cannot be the format of a timestamp: "SSSSSSSSSS" is not a part of a date or time (yyyy, yy, MM, M, MMM, MMMM, dd, d, HH, H, hh, h, a, mm, ss, SSS, XXX); letters that stand for themselves are quoted: 'T'
        error: Jobs/feeds/payments.yaml:12:28: "MMM MMMM yyyy dd" cannot be the format of a date: it needs one year (yyyy or yy), one month (MM, MMM or MMMM) and one day (dd), or is epoch or epoch_ms
        error: Jobs/feeds/payments.yaml:13:35: "epoch_us" cannot be the format of a timestamptz: "e" is not a part of a date or time (yyyy, yy, MM, M, MMM, MMMM, dd, d, HH, H, hh, h, a, mm, ss, SSS, XXX); letters that stand for themselves are quoted: 'T'
        error: Jobs/feeds/payments.yaml:14:28: "dd/MM/yy(19300)" cannot be the format of a date: yy( ) holds the first of the hundred years that two digits can mean: yy(1930)
        """#),
  ]
}

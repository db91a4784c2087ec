"""The words for synthetic patients: drugs, conditions, findings, laboratory values.

Data only. Doses are plausible, not advice.
"""

from typing import NamedTuple


class Drug(NamedTuple):
    name: str
    condition: str
    doses: tuple[str, ...]
    route: str


class Lab(NamedTuple):
    name: str
    unit: str
    low: float
    high: float
    digits: int


DRUGS = tuple(
    Drug(name, condition, tuple(f"{dose} {unit}" for dose in doses.split()), route)
    for name, condition, doses, unit, route in (
        ("metoprolol", "atrial fibrillation", "25 50 100", "mg", "orally"),
        ("lisinopril", "hypertension", "5 10 20 40", "mg", "orally"),
        ("amlodipine", "hypertension", "5 10", "mg", "orally"),
        ("losartan", "hypertension", "25 50 100", "mg", "orally"),
        ("metformin", "type 2 diabetes", "500 850 1000", "mg", "orally"),
        ("insulin glargine", "type 1 diabetes", "10 18 24 30", "units", "subcutaneously"),
        ("glipizide", "type 2 diabetes", "5 10", "mg", "orally"),
        ("atorvastatin", "hyperlipidemia", "10 20 40 80", "mg", "orally"),
        ("simvastatin", "hyperlipidemia", "20 40", "mg", "orally"),
        ("levothyroxine", "hypothyroidism", "50 75 100 125", "mcg", "orally"),
        ("furosemide", "heart failure", "20 40 80", "mg", "orally"),
        ("carvedilol", "heart failure", "6.25 12.5 25", "mg", "orally"),
        ("spironolactone", "heart failure", "25 50", "mg", "orally"),
        ("apixaban", "atrial fibrillation", "2.5 5", "mg", "orally"),
        ("warfarin", "deep vein thrombosis", "2 3 5", "mg", "orally"),
        ("enoxaparin", "pulmonary embolism", "40 60 80", "mg", "subcutaneously"),
        ("clopidogrel", "coronary artery disease", "75", "mg", "orally"),
        ("aspirin", "coronary artery disease", "81 100 325", "mg", "orally"),
        ("omeprazole", "gastric reflux", "20 40", "mg", "orally"),
        ("famotidine", "gastric reflux", "20 40", "mg", "orally"),
        ("salbutamol", "asthma", "100 200", "mcg", "by inhaler"),
        ("budesonide", "asthma", "200 400", "mcg", "by inhaler"),
        ("tiotropium", "chronic bronchitis", "18", "mcg", "by inhaler"),
        ("prednisone", "chronic bronchitis", "5 20 40", "mg", "orally"),
        ("amoxicillin", "pneumonia", "500 875 1000", "mg", "orally"),
        ("doxycycline", "cellulitis", "100 200", "mg", "orally"),
        ("cephalexin", "cellulitis", "250 500", "mg", "orally"),
        ("nitrofurantoin", "urinary tract infection", "50 100", "mg", "orally"),
        ("ciprofloxacin", "pyelonephritis", "250 500 750", "mg", "orally"),
        ("azithromycin", "pneumonia", "250 500", "mg", "orally"),
        ("sertraline", "depression", "25 50 100", "mg", "orally"),
        ("mirtazapine", "depression", "15 30", "mg", "orally"),
        ("gabapentin", "neuropathy", "100 300 600", "mg", "orally"),
        ("allopurinol", "gout", "100 300", "mg", "orally"),
        ("colchicine", "gout", "0.5 0.6", "mg", "orally"),
        ("levetiracetam", "epilepsy", "250 500 750", "mg", "orally"),
        ("sumatriptan", "migraine", "25 50 100", "mg", "orally"),
        ("propranolol", "migraine", "10 20 40", "mg", "orally"),
        ("alendronate", "osteoporosis", "35 70", "mg", "orally"),
        ("ibuprofen", "osteoarthritis", "200 400 600", "mg", "orally"),
        ("naproxen", "osteoarthritis", "250 500", "mg", "orally"),
        ("tamsulosin", "enlarged prostate", "0.4 0.8", "mg", "orally"),
        ("latanoprost", "glaucoma", "1 2", "drops", "in each eye"),
        ("ferrous sulfate", "iron deficiency anemia", "200 325", "mg", "orally"),
        ("methotrexate", "rheumatoid arthritis", "7.5 10 15", "mg", "orally"),
        ("mesalamine", "ulcerative colitis", "800 1000", "mg", "orally"),
    )
)

FREQUENCIES = ("once daily", "twice daily", "three times daily", "every morning", "at bedtime")
ADMISSIONS = (
    "pneumonia",
    "heart failure",
    "cellulitis",
    "pyelonephritis",
    "pulmonary embolism",
    "acute pancreatitis",
    "hip fracture",
    "appendicitis",
    "small bowel obstruction",
    "acute kidney injury",
    "ischemic stroke",
    "upper gastrointestinal bleeding",
    "diverticulitis",
    "syncope",
    "myocardial infarction",
    "ankle fracture",
    "gallstones",
    "sepsis",
)
COMPLAINTS = (
    "cough",
    "chest pain",
    "shortness of breath",
    "headache",
    "back pain",
    "knee pain",
    "sore throat",
    "dizziness",
    "abdominal pain",
    "fatigue",
    "ear pain",
    "leg swelling",
    "palpitations",
    "diarrhea",
    "burning on urination",
    "shoulder pain",
    "blurred vision",
    "rash",
)
NEGATIVES = (
    "fever",
    "chills",
    "nausea",
    "vomiting",
    "weight loss",
    "night sweats",
    "numbness",
    "wheezing",
    "hematuria",
    "constipation",
    "joint swelling",
    "trauma",
    "hemoptysis",
    "fainting",
)
ALLERGENS = (
    "penicillin",
    "sulfa drugs",
    "latex",
    "codeine",
    "peanuts",
    "iodine contrast",
    "bee venom",
)
SURGERIES = (
    "appendectomy",
    "cholecystectomy",
    "coronary bypass",
    "hip replacement",
    "knee replacement",
    "hysterectomy",
    "hernia repair",
    "tonsillectomy",
)
PROCEDURES = (
    "CT of the chest",
    "CT of the abdomen",
    "MRI of the brain",
    "echocardiogram",
    "upper endoscopy",
    "colonoscopy",
    "coronary angiography",
    "lumbar puncture",
    "chest tube placement",
    "blood transfusion",
    "surgical fixation",
    "ultrasound of the legs",
)
CLINICS = (
    "cardiology",
    "primary care",
    "pulmonology",
    "orthopedics",
    "nephrology",
    "neurology",
    "endocrinology",
    "gastroenterology",
    "surgery",
    "hematology",
)
LABS = (
    Lab("potassium", "mmol/L", 3.5, 5.1, 1),
    Lab("sodium", "mmol/L", 135, 145, 0),
    Lab("hemoglobin", "g/dL", 12.0, 16.0, 1),
    Lab("creatinine", "mg/dL", 0.6, 1.2, 1),
    Lab("glucose", "mg/dL", 70, 110, 0),
    Lab("white cell count", "K/uL", 4.0, 11.0, 1),
    Lab("platelets", "K/uL", 150, 400, 0),
    Lab("calcium", "mg/dL", 8.5, 10.5, 1),
    Lab("TSH", "mIU/L", 0.4, 4.0, 1),
    Lab("CRP", "mg/L", 0, 5, 0),
)

# Findings with a side or place, and the studies that show them.
SIZES = ("small", "moderate", "large", "minimal", "mild", "severe", "4 mm", "6 mm", "9 mm", "12 mm")
STUDIES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "chest radiograph": (
        ("pleural effusion", "pneumothorax", "hilar enlargement", "basal atelectasis"),
        ("upper lobe opacity", "lower lobe opacity", "upper lobe nodule", "lower lobe nodule"),
        (
            "The heart is normal in size.",
            "The bones are intact.",
            "No free air under the diaphragm.",
            "The mediastinum is unremarkable.",
            "The trachea is midline.",
        ),
    ),
    "CT of the abdomen": (
        ("renal cyst", "kidney stone", "hydronephrosis", "adrenal nodule"),
        ("inguinal hernia", "ovarian cyst", "psoas collection", "flank hematoma"),
        (
            "The liver is homogeneous.",
            "The spleen is normal in size.",
            "No free fluid.",
            "The aorta is of normal caliber.",
            "The pancreas is unremarkable.",
        ),
    ),
    "MRI of the brain": (
        ("frontal infarct", "parietal infarct", "temporal hemorrhage", "occipital lesion"),
        ("subdural hematoma", "cerebellar lesion", "maxillary sinus disease", "mastoid effusion"),
        (
            "The ventricles are normal in size.",
            "No midline shift.",
            "The orbits are unremarkable.",
            "No restricted diffusion elsewhere.",
            "Flow voids are preserved.",
        ),
    ),
    "joint radiograph": (
        ("knee effusion", "hip fracture", "wrist fracture", "ankle fracture"),
        ("shoulder dislocation", "elbow effusion", "heel spur", "shoulder calcification"),
        (
            "Bone density is normal.",
            "No foreign body.",
            "The soft tissues are unremarkable.",
            "No bone erosion.",
            "Alignment elsewhere is normal.",
        ),
    ),
}
SIDES = ("left", "right", "bilateral")
